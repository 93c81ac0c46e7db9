"""Timing: whether held-out data say that events came at other times than stated."""

from drmbids.app.checks.inspection import Inspection
from drmbids.bids.files.problems import warn
from drmbids.brain.modelfile.default import default_model
from drmbids.compare.timing.audit import timing_audit
from drmbids.compare.timing.text import timing_finding


def check_timing(inspection: Inspection) -> None:
    """Fit other onsets, durations and amplitudes of the events to the runs that can be used."""
    request = inspection.request
    runs = [run for files, run in inspection.runs.items() if files in inspection.usable]
    if not runs:
        return
    spec = next(iter(request.models.values()), None) or default_model()
    nuisance = next(iter(spec.readout_parts.values())).nuisance()
    inspection.timing = timing_audit(runs, request.baseline_hrf, nuisance)
    finding = timing_finding(inspection.timing)
    if finding is not None and finding.severity == "warning":
        with inspection.judging():
            where = runs[0].label if len(runs) == 1 else f"{len(runs)} runs"
            warn("DG07", where, finding.found, finding.remedy)
