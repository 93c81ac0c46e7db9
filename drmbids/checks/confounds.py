"""Confounds: a table for each run, with a row for each volume."""

from drmbids.bids.load import run_confounds
from drmbids.checks.inspection import Inspection


def check_confounds(inspection: Inspection) -> None:
    """Read the confounds that are asked for."""
    for files, image in inspection.images.items():
        with inspection.judging(files):
            run_confounds(files, inspection.request.confounds, image.n_volumes)
