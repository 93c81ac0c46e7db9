"""Series: every volume and voxel of the regions."""

from drmbids.app.checks.inspection import Inspection
from drmbids.bids.files.find import RunFiles
from drmbids.bids.reading.load import read_run
from drmbids.bids.reading.unite import with_all_conditions, without_dead_voxels
from drmbids.data.runs.run import Run


def check_series(inspection: Inspection) -> None:
    """Read the voxels of the usable runs, and keep the runs for the stages that follow."""
    request, space = inspection.request, inspection.space
    if space is None:
        return
    runs: dict[RunFiles, Run] = {}
    for files in inspection.usable:
        with inspection.judging(files):
            # smoothing comes after all judgement, and costs more than the rest of the check
            image = inspection.images[files]
            runs[files] = read_run(
                files,
                image,
                space,
                request.confounds,
                request.stimuli,
                None,
                inspection.timings[files],
                request.physio,
                request.allow_gaps,
            )
    with inspection.judging():
        if runs:
            alike = with_all_conditions(without_dead_voxels(list(runs.values())))
            inspection.runs = dict(zip(runs, alike, strict=True))
