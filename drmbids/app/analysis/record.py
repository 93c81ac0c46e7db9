"""What went into an analysis, as ``desc-inputs_runs.json`` keeps it for readers and the report."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from drmbids import __version__
from drmbids.bids.files.find import RunFiles
from drmbids.bids.reading.heart_and_breath import acquired_slices
from drmbids.brain.net.tables import population_rows
from drmbids.compare.statistics.overview import ComparisonStatistics
from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.runs.stream import Events
from drmbids.data.storage.fingerprint import fingerprint
from drmbids.fit.estimators.drm import DRMRegressor

# Bytes at the start of an image that are compared: its header, and the first of its data.
_HEAD = 65536

# Programs whose version can change a number in the results.
_PACKAGES = ("torch", "numpy", "scipy", "pandas", "scikit-learn", "nilearn", "nibabel", "pybids")


def inputs_record(
    runs: Sequence[Run],
    files: Sequence[RunFiles],
    warnings: Iterable[str],
    command: str,
) -> dict[str, Any]:
    """Return what went in: runs with their files, conditions, regions, warnings, versions.

    Parameters
    ----------
    runs : sequence of Run
    files : sequence of RunFiles
        Those of each run, in the same order.
    warnings : iterable of str
        What deserves a look.
    command : str
        The command line.

    Returns
    -------
    dict
    """
    first = runs[0]
    return {
        "runs": [_run_row(run, file) for run, file in zip(runs, files, strict=True)],
        "regions": {name: stream.values.shape[1] for name, stream in first.responses.items()},
        "design": {"label": first.label, "events": _event_rows(first)},
        "warnings": list(warnings),
        "errors": [],
        "command": command,
        "versions": {
            "drmbids": __version__,
            "Python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def image_digest(files: RunFiles) -> str:
    """Return what tells the images of a run from others: their sizes, and how they begin.

    Parameters
    ----------
    files : RunFiles
    """
    parts = []
    for path in files.hemispheres.values() or [files.bold]:
        with path.open("rb") as file:
            parts.append((path.stat().st_size, file.read(_HEAD)))
    return fingerprint(parts)[:16]


def timing_lines(runs: Sequence[Run]) -> list[str]:
    """Return when first volumes were measured and what states it, once for runs that are alike.

    Parameters
    ----------
    runs : sequence of Run
    """
    alike: dict[tuple[float, str], list[Run]] = {}
    for run in runs:
        kind = run.timing.partition(" of ")[0]
        alike.setdefault((float(run.measured_times()[0]), kind), []).append(run)
    return [
        same[0].timing + (f" (and {len(same) - 1} more runs)" if len(same) > 1 else "")
        for same in alike.values()
    ]


def model_record(estimator: DRMRegressor, name: str) -> dict[str, Any]:
    """Return what a reader wants to know of a fitted model at a glance.

    Parameters
    ----------
    estimator : DRMRegressor
        Fitted.
    name : str
        Name in files and tables.

    Returns
    -------
    dict
    """
    net = estimator.net_
    shares = estimator.shares_table().groupby("region", sort=False)["dynamic_share"].mean()
    return {
        "name": name,
        "title": str(getattr(estimator.model_, "name", None) or name),
        "description": estimator.model_.description,
        "seed": estimator.random_state,
        "populations": population_rows(net),
        "stimuli": {name: list(columns) for name, columns in net.stimuli.items()},
        "n_parameters": estimator.n_parameters_,
        "dynamic_share": {str(region): float(value) for region, value in shares.items()},
        "resolution": net.resolution,
        "schedule": net.schedule(),
    }


def statistics_record(
    statistics: ComparisonStatistics,
    n_permutations: int,
    parts: pd.DataFrame | None = None,
    intervals: str = "none",
) -> dict[str, Any]:
    """Return what statistics there are, for the methods text.

    Parameters
    ----------
    statistics : ComparisonStatistics
    n_permutations : int
        Permutations of the test against chance, 0 for none.
    parts : DataFrame, optional
        Parts of the explained variance.
    intervals : str
        How intervals of parameters were had.

    Returns
    -------
    dict
    """
    ceiling = statistics.ceiling
    return {
        "n_permutations": n_permutations,
        "log_likelihood": "log_likelihood" in statistics.results.scores,
        "n_repeated_stimuli": 0 if ceiling is None else int(ceiling["repeats"].nunique()),
        "repeats_held_out_together": statistics.normalised is not None,
        "partition": {} if parts is None else _parts(parts),
        "intervals": intervals,
        "timing_audit": statistics.results.timing is not None,
    }


def _parts(parts: pd.DataFrame) -> dict[str, list[str]]:
    """Return the unique parts of each model."""
    alone = parts[(parts["measure"] == "unique") & (parts["n_spaces"] == 1)]
    return {str(m): list(rows["part"].unique()) for m, rows in alone.groupby("model", sort=False)}


def _run_row(run: Run, files: RunFiles) -> dict[str, Any]:
    return {
        "label": run.label,
        "n_volumes": len(run.measured_times()),
        "tr": run.tr,
        "duration": run.duration,
        "first_volume": float(run.measured_times()[0]),
        "timing": run.timing,
        "bold": str(files.bold.absolute()),
        "bold_digest": image_digest(files),
        "events": None if files.events is None else str(files.events),
        "confounds_file": None if files.confounds is None else str(files.confounds),
        "confounds": [] if run.confounds is None else list(run.confounds.columns),
        "mask": None if files.mask is None else str(files.mask),
        "recordings": [str(path) for path in files.recordings],
        "recorded_in": str(files.searched[-1]) if files.searched else None,
        "slices_as_acquired": _as_acquired(run, files),
        "conditions": _conditions(run),
    }


def _as_acquired(run: Run, files: RunFiles) -> bool:
    shape = run.space.shape if isinstance(run.space, VoxelSpace) else ()
    return bool(shape) and acquired_slices(files.entities, files.metadata, shape)[0] is not None


def _conditions(run: Run) -> list[dict[str, Any]]:
    """Return number and total duration of the events of each condition."""
    rows = []
    for events in _events(run):
        conditions = np.array(events.conditions)
        for name in events.columns:
            which = conditions == name
            seconds = float(events.durations[which].sum())
            rows.append({"name": name, "n_events": int(which.sum()), "seconds": seconds})
    return rows


def _event_rows(run: Run) -> list[Mapping[str, Any]]:
    return [
        {"onset": onset, "duration": duration, "condition": condition, "amplitude": amplitude}
        for events in _events(run)
        for onset, duration, condition, amplitude in zip(
            events.onsets.tolist(),
            events.durations.tolist(),
            events.conditions,
            np.asarray(events.amplitudes).tolist(),
            strict=True,
        )
    ]


def _events(run: Run) -> list[Events]:
    return [stimulus for stimulus in run.stimuli.values() if isinstance(stimulus, Events)]
