"""A run on the ticks of a model: the one place where stimuli and responses meet a time grid."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drmbids.data.runs.nuisance import Nuisance, confounds_at
from drmbids.data.runs.run import Run
from drmbids.data.runs.time import TimeGrid
from drmbids.data.tools.exceptions import DataError

#: The name of the readout of a model that has but one.
ONLY = ""


@dataclass(frozen=True, eq=False)
class StimulusTicks:
    """One stimulus of a run on the ticks that are asked for, ``ticks[start:stop]``.

    Parameters
    ----------
    run : Run
        The data.
    name : str
        The stimulus; zero where the run lacks it.
    columns : sequence of str
        Columns of the model; zero where the stimulus lacks them.
    grid : TimeGrid
        The ticks.
    """

    run: Run
    name: str
    columns: Sequence[str]
    grid: TimeGrid

    @property
    def shape(self) -> tuple[int, int]:
        """Ticks and columns of the whole run."""
        return self.grid.n_ticks, len(self.columns)

    @property
    def in_file(self) -> bool:
        """Whether the samples lie in a file, so that the whole run may be too large to be held."""
        source = self.run.stimuli.get(self.name)
        return source is not None and source.in_file

    def __getitem__(self, ticks: slice) -> np.ndarray:
        """Return the columns on some ticks, shape (n_ticks, n_columns)."""
        source = self.run.stimuli.get(self.name)
        if source is None:
            return np.zeros((len(range(self.grid.n_ticks)[ticks]), len(self.columns)))
        try:
            values = source.sample(self.grid, ticks)
        except DataError as error:
            raise DataError(f"{self.run.label}: stimulus {self.name!r}: {error}") from error
        if tuple(self.columns) == tuple(source.columns):
            return values
        where = {column: k for k, column in enumerate(source.columns)}
        out = np.zeros((len(values), len(self.columns)))
        for k, column in enumerate(self.columns):
            if column in where:
                out[:, k] = values[:, where[column]]
        return out


@dataclass(frozen=True, eq=False)
class Measured:
    """What one readout of a run measured, as arrays.

    Parameters
    ----------
    times : array of shape (n_measured,)
        Measured times in seconds; these are not rounded to ticks.
    response : array of shape (n_measured, n_targets) or None
        Targets of all responses side by side, NaN where missing.
    confounds : array of shape (n_measured, n_confounds)
        Confounds at the measured times, centred, in the order of their names.
    nuisance : array of shape (n_measured, rank)
        Orthonormal basis of what is fitted in this run alone.
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each measured element counts; all alike when absent.
    """

    times: np.ndarray
    response: np.ndarray | None
    confounds: np.ndarray
    nuisance: np.ndarray
    weights: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class AlignedRun:
    """What a model needs of one run, as arrays.

    Parameters
    ----------
    grid : TimeGrid
        The ticks.
    stimuli : sequence of (array of shape (n_ticks, n_columns) or StimulusTicks)
        One for each stimulus of the model, in its order; samples that lie in a file are read when
        their ticks are.
    measured : mapping of str to Measured
        For each readout; the only one of a model has the name :data:`ONLY`.
    """

    grid: TimeGrid
    stimuli: Sequence[np.ndarray | StimulusTicks]
    measured: Mapping[str, Measured]

    @property
    def only(self) -> Measured:
        """What the only readout measured."""
        return self.measured[ONLY]


def saw_readout(run: Run, name: str, regions: Collection[str]) -> bool:
    """Return whether a run is to be scored for a readout of these regions.

    A run may lack one of several readouts; of an only readout, whose name is :data:`ONLY`, every
    run has to have samples.
    """
    return name == ONLY or not run.responses.keys().isdisjoint(regions)


def align(
    run: Run,
    resolution: float,
    stimuli: Mapping[str, Sequence[str]],
    responses: Sequence[str] | Mapping[str, Sequence[str]],
    nuisance: Nuisance | Mapping[str, Nuisance],
) -> AlignedRun:
    """Put a run on a time grid.

    Parameters
    ----------
    run : Run
        The data.
    resolution : float
        Seconds per tick.
    stimuli : mapping of str to sequence of str
        Stimuli of the model and their columns. A column that the run lacks is zero.
    responses : sequence of str, or mapping of str to sequence of str
        Responses of the model, in the order of its targets; by readout where there are several. A
        run may lack all that one of several readouts measures.
    nuisance : Nuisance, or mapping of str to Nuisance
        What is fitted in each run on its own.

    Returns
    -------
    AlignedRun

    Raises
    ------
    DataError
        If the run has some of the responses of a readout but not all, they have different times, or
        a sample of a stimulus is not a finite number.
    """
    grid = TimeGrid.covering(float(run.duration or 0.0), resolution)
    ticks = [StimulusTicks(run, name, columns, grid) for name, columns in stimuli.items()]
    sampled = [t if t.in_file else t[:] for t in ticks]
    if isinstance(responses, Mapping):
        measured = {
            name: _measured(
                run, own, nuisance[name] if isinstance(nuisance, Mapping) else nuisance, name
            )
            for name, own in responses.items()
        }
    else:
        assert isinstance(nuisance, Nuisance)
        measured = {ONLY: _measured(run, responses, nuisance)}
    return AlignedRun(grid, sampled, measured)


def _measured(
    run: Run, responses: Sequence[str], nuisance: Nuisance, readout: str = ONLY
) -> Measured:
    """Return what one readout measured, at no time where a run lacks it beside others."""
    missing = [name for name in responses if name not in run.responses]
    if missing and len(missing) < len(responses):
        raise DataError(f"{run.label}: no response {missing}; it has {list(run.responses)}")
    if readout and missing and run.responses:
        times = np.zeros(0)
    else:
        times = run.measured_times([] if missing else responses)
    response = weights = None
    if responses and not missing:
        weights = run.measured_weights(responses)
        response = np.concatenate([run.responses[n].values for n in responses], axis=1)
    confounds = confounds_at(run, times)[:, _by_name(run)]
    return Measured(times, response, confounds, nuisance.basis(run, times), weights)


def _by_name(run: Run) -> list[int]:
    """Return the places of the confounds in the order of their names, which is that of all runs."""
    names = () if run.confounds is None else run.confounds.columns

    def key(k: int) -> tuple[bool, int, str]:
        number = names[k].isdecimal()  # columns without names keep their order
        return not number, int(names[k]) if number else 0, names[k]

    return sorted(range(len(names)), key=key)


def unit_weights(aligned: Sequence[Measured]) -> list[np.ndarray]:
    """Return the weights of each run, on average 1 over all measured elements; none without any.

    All have one column, or as many as there are targets.

    Parameters
    ----------
    aligned : sequence of Measured
        What one readout measured in each run of a data set.

    Returns
    -------
    list of array of shape (n_measured, 1) or (n_measured, n_targets)
    """
    if all(run.weights is None for run in aligned):
        return []
    responses = [np.zeros((len(r.times), 0)) if r.response is None else r.response for r in aligned]
    found = [np.ones((len(r.times), 1)) if r.weights is None else r.weights for r in aligned]
    width = max(w.shape[1] for w in found)
    if any(w.shape[1] < width for w in found):
        found = [np.broadcast_to(w, (len(w), width)) for w in found]
    total, count = 0.0, 0
    for w, y in zip(found, responses, strict=True):
        if not y.shape[1]:  # the run lacks the responses
            continue
        there = np.isfinite(y)
        total += float((w * there).sum())
        count += int(there.sum())
    mean = total / count if total else 1.0
    return [w / mean for w in found]
