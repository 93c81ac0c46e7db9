"""What runs hold, and what of it no model can learn."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from drmbids.data.runs.frames import Frames
from drmbids.data.runs.run import Run
from drmbids.data.tools.arguments import whole_number
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError


def find_regions(runs: Sequence[Run]) -> dict[str, int]:
    """Return the number of targets of each region, equal in all runs.

    Parameters
    ----------
    runs : sequence of Run
        The first one settles the order.

    Returns
    -------
    dict of str to int

    Raises
    ------
    DataError
        If a run has no responses, or other regions or sizes than the first.
    """
    regions = {name: stream.values.shape[1] for name, stream in runs[0].responses.items()}
    if not regions:
        raise DataError(f"{runs[0].label}: no responses to fit")
    for run in runs[1:]:
        found = {name: stream.values.shape[1] for name, stream in run.responses.items()}
        if found != regions:
            raise DataError(
                f"{run.label}: regions (targets) {found} differ from {regions} of {runs[0].label}"
            )
    return regions


def find_conditions(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    """Return the columns of each stimulus over all runs, in order of appearance.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    dict of str to tuple of str
        Only stimuli that have a column.
    """
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, stimulus in run.stimuli.items():
            found.setdefault(name, {}).update(dict.fromkeys(stimulus.columns))
    return {name: tuple(columns) for name, columns in found.items() if columns}


def condition_label(stimulus: str, column: str) -> str:
    """Return how a condition is called: trial types keep the name that ``events.tsv`` gives them.

    Examples
    --------
    >>> condition_label("events", "face"), condition_label("film", "motion")
    ('face', 'film:motion')
    """
    return column if stimulus == "events" else f"{stimulus}:{column}"


def without_frames(run: Run) -> Run:
    """Return a run without the stimuli that are pictures."""
    kept = {name: s for name, s in run.stimuli.items() if not isinstance(s, Frames)}
    return replace(run, stimuli=kept)


def warn_of_unknown(run: Run, conditions: Mapping[str, Sequence[str]]) -> None:
    """Warn where a run to be predicted has conditions that no training run had.

    Parameters
    ----------
    run : Run
    conditions : mapping of str to sequence of str
        Columns of each stimulus that was trained on.
    """
    unknown = [
        f"{name}:{column}"
        for name, stimulus in run.stimuli.items()
        for column in stimulus.columns
        if column not in conditions.get(name, ())
    ]
    if unknown:
        warnings.warn(
            f"{run.label}: {unknown} occur in no training run and predict nothing",
            DataWarning,
            stacklevel=3,
        )


def warn_of_untrained(run: Run, conditions: Mapping[str, Sequence[str]]) -> None:
    """Warn of conditions without training, of some stimuli of a run.

    Parameters
    ----------
    run : Run
        To be predicted.
    conditions : mapping of str to sequence of str
        Columns that were trained on, of the stimuli that are looked at.
    """
    shown = {name: stimulus for name, stimulus in run.stimuli.items() if name in conditions}
    warn_of_unknown(replace(run, stimuli=shown), conditions)


def warn_of_unmeasured(runs: Sequence[Run], regions: Mapping[str, int]) -> None:
    """Warn where targets are missing in all training runs: no model can learn of them.

    Parameters
    ----------
    runs : sequence of Run
    regions : mapping of str to int
        Number of targets of each region.
    """
    measured = {name: np.zeros(n, dtype=bool) for name, n in regions.items()}
    for run in runs:
        for name, stream in run.responses.items():
            there = measured[name]
            np.logical_or(there, np.isfinite(stream.values).any(0), out=there)
    n_missing = sum(int((~there).sum()) for there in measured.values())
    if n_missing:
        where = [name for name, there in measured.items() if not there.all()]
        warnings.warn(
            f"{n_missing} of {sum(regions.values())} targets are missing throughout the training "
            f"runs (regions {where}): nothing is learnt of them",
            DataWarning,
            stacklevel=4,
        )


def split_off(runs: Sequence[Run], n_validation_runs: int) -> tuple[Sequence[Run], Sequence[Run]]:
    """Return runs to train on, and those at their end that decide which epoch is kept.

    Parameters
    ----------
    runs : sequence of Run
    n_validation_runs : int

    Raises
    ------
    UsageError
        If nothing is left to train on.
    """
    n_train = len(runs) - whole_number("n_validation_runs", n_validation_runs)
    if not 0 < n_train <= len(runs):
        found = f"n_validation_runs={n_validation_runs}"
        raise UsageError(f"{found} leaves nothing of {len(runs)} runs")
    return runs[:n_train], runs[n_train:]
