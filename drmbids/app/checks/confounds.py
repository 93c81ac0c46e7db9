"""Confounds: a table for each run, with a row for each volume."""

from drmbids.app.checks.inspection import Inspection
from drmbids.bids.reading.load import check_confound_patterns, run_confounds


def check_confounds(inspection: Inspection) -> None:
    """Read the confounds that are asked for."""
    with inspection.judging():
        check_confound_patterns(list(inspection.images), inspection.request.confounds)
    for files, image in inspection.images.items():
        with inspection.judging(files):
            run_confounds(files, inspection.request.confounds, image.n_volumes)
