"""What is asked for beside scores: parts of the variance, intervals, the truth of simulations."""

from drmbids.app.checks.inspection import Inspection, told_by
from drmbids.compare.inference.refits import check_resamples
from drmbids.compare.recovery.truth import find_truth, read_truth, read_truth_hrf
from drmbids.compare.statistics.parts import variance_spaces
from drmbids.data.tools.exceptions import DataError


def check_asked(inspection: Inspection) -> None:
    """Judge whether the runs that can be used suffice for what is asked of them."""
    runs, request = (
        [inspection.runs[f] for f in inspection.usable if f in inspection.runs],
        (inspection.request),
    )
    if not runs:
        return
    if request.variance_parts is not None:
        try:
            variance_spaces(runs, request.variance_parts)
        except DataError as error:
            remedy = "correct --variance-parts"
            inspection.add([told_by("DG09", "--variance-parts", str(error), remedy)])
    try:
        check_resamples(request.intervals, runs)
    except DataError as error:
        inspection.add([told_by("DG10", "--intervals", str(error), "choose another method")])
    truth = find_truth(request.bids_dir, runs[0].entities.get("subject", ""))
    if truth is not None:
        try:
            read_truth(truth)
            read_truth_hrf(truth)
        except DataError as error:
            remedy = "simulate the data again, or take the file away"
            inspection.add([told_by("DS13", truth, str(error), remedy)])
