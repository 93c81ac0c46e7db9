"""Design: what is left of a run for the model, and whether conditions can be told apart."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from drmbids.app.checks.inspection import Inspection, told_by
from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import warn
from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.compare.splits.folds import make_folds, with_freedom
from drmbids.compare.splits.stimulus_folds import REACH
from drmbids.compare.splits.untrained import untrained_conditions
from drmbids.data.runs.freedom import freedom_of, nothing_left
from drmbids.data.runs.nuisance import RANK_TOLERANCE, Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events
from drmbids.data.runs.time import TimeGrid
from drmbids.data.tools.exceptions import DataError, DataWarning
from drmbids.data.tools.memory import N_LINEAR, comparison_bytes, memory_limit, readable

#: Share of the volumes that drifts and confounds may take without a warning.
LARGE_SHARE = 0.5
# Seconds to which blocks are drawn to be compared, fine beside any hemodynamic response.
_RESOLUTION = 0.5


def check_design(inspection: Inspection) -> None:
    """Judge rank, degrees of freedom, folds and memory of the runs that can be used."""
    runs, request = inspection.runs, inspection.request
    if not runs:
        return
    specs = list(request.models.values()) or [default_model()]
    for files, run in runs.items():
        parts = [part for spec in specs for part in spec.readout_parts.values()]
        for nuisance in dict.fromkeys(part.nuisance() for part in parts):
            _judge_nuisance(inspection, files, run, nuisance)
        with inspection.judging(files):
            _warn_of_collinear_conditions(run)
            _warn_of_long_steps(run)
    usable = [run for files, run in runs.items() if files not in inspection.left_out]
    _judge_folds(inspection, usable, next(iter(specs[0].readout_parts.values())).nuisance())
    with inspection.judging():
        if request.cv == "stimulus":
            _warn_without_features(list(runs.values()))
        _warn_of_memory(list(runs.values()), n_models=N_LINEAR + len(specs))
        _warn_of_many_conditions(list(runs.values()))
        _warn_of_fast_drifts(request.models or {"drm": specs[0]})


def _judge_folds(inspection: Inspection, runs: Sequence[Run], nuisance: Nuisance) -> None:
    """Add why nothing can be held out, and what of it cannot be learned."""
    request = inspection.request
    try:
        folds = make_folds(runs, request.cv, request.blocks)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # DG01 tells of whole runs
            with_freedom(folds, runs, nuisance)
    except DataError as error:
        remedy = "add runs, hold out blocks of time (--cv blocks) or fit in sample (--cv none)"
        inspection.add([told_by("DG02", request.bids_dir, str(error), remedy)])
        return
    with inspection.judging():
        for text in untrained_conditions(folds, runs):
            warn("DG08", f"{len(runs)} runs", text, "lower the guard, or choose fewer blocks")


def _judge_nuisance(inspection: Inspection, files: RunFiles, run: Run, nuisance: Nuisance) -> None:
    """Add what drifts and confounds do to one run."""
    why = nothing_left(run, nuisance)
    if why is not None:
        inspection.add([told_by("DG01", files.label, why, "use fewer confounds")], files)
        return
    _, n_volumes, freedom = freedom_of(run, nuisance)
    if n_volumes - freedom > LARGE_SHARE * n_volumes:
        with inspection.judging(files):
            columns = n_volumes - freedom
            found = f"{columns} drift and confound columns take most of {n_volumes} volumes"
            warn("DG04", files.label, found, "use fewer confounds, or slower drifts")


def _warn_of_collinear_conditions(run: Run) -> None:
    """Warn where the blocks of some conditions add up to those of others, or to a constant."""
    events = run.stimuli.get("events")
    if not isinstance(events, Events) or run.duration is None:
        return
    blocks = events.sample(TimeGrid.covering(run.duration, _RESOLUTION))
    names = [n for n, column in zip(events.columns, blocks.T, strict=True) if column.any()]
    columns = [column / np.linalg.norm(column) for column in blocks.T if column.any()]
    if not columns:
        return
    design = np.column_stack([np.full(len(blocks), len(blocks) ** -0.5), *columns])
    _, size, right = np.linalg.svd(design, full_matrices=False)
    if size[-1] > RANK_TOLERANCE * size[0]:
        return
    # of several null directions, any mixture could have come out: their span is what counts
    shares = np.linalg.norm(right[size <= RANK_TOLERANCE * size[0]], axis=0)[1:]
    mixed = [n for n, share in zip(names, shares, strict=True) if share > RANK_TOLERANCE]
    found = f"the blocks of {', '.join(mixed)} follow from one another, or leave no rest"
    warn("DG03", run.label, found, "leave one condition out, or merge some, if this is not meant")


def _warn_without_features(runs: Sequence[Run]) -> None:
    """Warn if trial types, whose weights are learned one by one, are all that tells stimuli."""
    stimuli = [stimulus for run in runs for stimulus in run.stimuli.values()]
    if all(isinstance(shown, Events) and not shown.modulators for shown in stimuli):
        found = "trial types are all that is known of stimuli, and held-out ones have no weights"
        remedy = "give features of the stimuli (--modulators, --stimuli), or hold out runs"
        warn("DG06", f"{len(runs)} runs", found, remedy)


def _warn_of_memory(runs: Sequence[Run], n_models: int) -> None:
    """Warn if the series and their predictions exceed the machine's memory, where it tells it."""
    n_values = sum(s.values.size for run in runs for s in run.responses.values())
    needed = comparison_bytes(n_values, n_models)
    there = memory_limit()
    if there is not None and needed > there:
        found = f"the runs and predictions need about {readable(needed)} of memory"
        remedy = f"this machine has {readable(there)}: use fewer voxels, or another one"
        warn("DG05", f"{len(runs)} runs", found, remedy)


def _warn_of_long_steps(run: Run) -> None:
    """Warn where a response can rise and fall between two volumes."""
    if run.tr is not None and run.tr > REACH:
        found = f"volumes are {run.tr:g} s apart, and a hemodynamic response lasts {REACH:g} s"
        warn("DG13", run.label, found, "check that the repetition time is in seconds")


def _warn_of_many_conditions(runs: Sequence[Run]) -> None:
    """Warn where regressors can fit anything: as many conditions as volumes to learn them from."""
    columns = {
        (name, column)
        for run in runs
        for name, shown in run.stimuli.items()
        if isinstance(shown, Events)
        for column in shown.columns
    }
    volumes = [len(next(iter(run.responses.values())).times) for run in runs if run.responses]
    n_train = sum(volumes) - (min(volumes) if len(volumes) > 1 else 0)
    if volumes and len(columns) >= n_train:
        found = f"{len(columns)} conditions, and {n_train} volumes to learn them from"
        remedy = "merge trial types (is each event one of its own?), or use their modulators"
        warn("DG12", f"{len(runs)} runs", found, remedy)


def _warn_of_fast_drifts(specs: Mapping[str, ModelSpec]) -> None:
    """Warn of high-pass filters that take out what a single event leaves in the data."""
    for name, spec in specs.items():
        for part in spec.readout_parts.values():
            drift = part.nuisance()
            if drift.drift == "cosine" and drift.high_pass * REACH > 1:
                found = (
                    f"the high-pass cut-off of {1 / drift.high_pass:.3g} s is shorter than the "
                    f"hemodynamic response, {REACH:g} s"
                )
                warn("DG11", f"model {name}", found, "lower high_pass_hz: 0.01 Hz is 100 s")
