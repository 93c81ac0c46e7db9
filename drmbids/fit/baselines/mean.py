"""The mean response over training runs: what any model of the stimuli has to add to."""

from typing import Literal

import numpy as np

from drmbids.data.runs.frames import Frames
from drmbids.data.runs.nuisance import Nuisance, given_nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators.base import RunEstimator
from drmbids.maths.metrics.scores import measured_values

# Volumes count as measured at the same time when their times round to the same microsecond.
DECIMALS = 6


class MeanBaseline(RunEstimator):
    """Predicts the mean of the training runs at the same time after the start of the run.

    With ``over="all"`` it knows nothing of the stimuli, and finds what runs have in common: the
    null of a model that tells conditions apart, in designs that present them in turn at the same
    times. With ``over="repeats"`` only training runs with the same stimuli count: where runs are
    repeated it needs no model of the response at all.

    A time that no such run measured is predicted as zero: what nuisance leaves has no mean.

    Parameters
    ----------
    over : {"all", "repeats"}
        Training runs that a mean is taken over.
    nuisance : Nuisance, optional
        What is fitted in each run on its own, and taken out of it first; ``Nuisance()`` when
        absent.

    Attributes
    ----------
    regions_ : dict of str to int
        Number of targets of each region.
    runs_ : list of (Run, dict of float to (array, array))
        Training runs without their responses, and by time (s) what the nuisance leaves of these
        and how much it counts, each (n_targets,).

    Examples
    --------
    >>> from drmbids import Run, Stream
    >>> wave = np.sin(np.arange(40.0))[:, None]
    >>> runs = [Run({"V1": Stream(k * wave, np.arange(40.0))}, tr=1.0) for k in (1, 2, 3)]
    >>> model = MeanBaseline().fit(runs[:2])
    >>> round(model.score(runs[2:]), 6)  # the mean is half of the third run
    0.75
    """

    def __init__(
        self, over: Literal["all", "repeats"] = "all", nuisance: Nuisance | None = None
    ) -> None:
        self.over = over
        self.nuisance = nuisance

    @property
    def _nuisance(self) -> Nuisance:
        return given_nuisance(self.nuisance)

    def _fit_runs(self, runs: list[Run]) -> None:
        if self.over not in ("all", "repeats"):
            raise UsageError(f"over must be all or repeats, got {self.over!r}")
        self.runs_ = []
        for run in runs:
            times = run.measured_times(list(self.regions_))
            basis = self._nuisance.basis(run, times)
            weights = run.measured_weights(list(self.regions_))
            rest = project_out(basis, measured_values(run, self.regions_), weights)
            counts = np.isfinite(rest) * (1.0 if weights is None else weights)
            series = zip(np.nan_to_num(rest), counts, strict=True)
            by_time = dict(zip(times.round(DECIMALS).tolist(), series, strict=True))
            self.runs_.append((run.without_responses(), by_time))

    def _predict_run(self, run: Run) -> np.ndarray:
        known = [
            by_time
            for other, by_time in self.runs_
            if self.over == "all" or _same_stimuli(run, other)
        ]
        times = run.measured_times(list(self.regions_)).round(DECIMALS).tolist()
        nothing = np.zeros((2, sum(self.regions_.values())))
        total, count = np.zeros((2, len(times), nothing.shape[1]))
        for by_time in known:
            found = [by_time.get(time, nothing) for time in times]
            rows, weights = (np.stack(part) for part in zip(*found, strict=True))
            total += weights * rows
            count += weights
        return total / np.where(count > 0, count, 1.0)


def _same_stimuli(run: Run, other: Run) -> bool:
    """Return whether two runs showed the same at the same times."""
    return run.stimuli.keys() == other.stimuli.keys() and all(
        type(shown) is type(other.stimuli[name])
        and all(
            np.array_equal(getattr(shown, part), getattr(other.stimuli[name], part))
            for part in (
                ("onsets", "durations", "conditions", "amplitudes")
                if isinstance(shown, Events)
                else ("onsets", "durations", "shown")
                if isinstance(shown, Frames)
                else ("values", "times", "columns")
            )
        )
        for name, shown in run.stimuli.items()
    )
