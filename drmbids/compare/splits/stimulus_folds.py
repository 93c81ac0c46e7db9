"""Folds that hold out stimuli: what is tested was not shown while the model was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from drmbids.data.runs.fold import Fold
from drmbids.data.runs.run import Run
from drmbids.data.runs.spans import Spans
from drmbids.data.runs.stream import Events
from drmbids.data.tools.arguments import positive_number, whole_number
from drmbids.data.tools.exceptions import DataError, UsageError

#: Seconds after which no response to a stimulus is left: the length of nilearn's HRFs.
REACH = 32.0

#: With more stimuli than this, several are held out at once.
MOST_FOLDS = 10

# A run of which fewer samples are left is not trained on: drift alone takes three of them.
LEAST_SAMPLES = 10


@dataclass(frozen=True)
class StimulusFolds:
    """Cross-validation over stimuli, for :func:`drmbids.compare_models`.

    A fold holds out some stimuli in all runs. Samples from the onset of one of their events until
    its end and ``reach`` seconds more are missing in training, so that no response to them is
    trained on; the fold is tested on these samples alone. Responses of other stimuli that reach
    into them are part of what is predicted. Whatever else tells the model what was shown (features
    of a film) stays: a linear model with a weight for each trial type predicts nothing for one that
    it has not seen, a model of its features does.

    Parameters
    ----------
    n_folds : int, optional
        Groups that stimuli are divided into, about equal in events; when absent, each stimulus, or
        10 groups where there are more.
    stimulus : str
        The events, each column of which is a stimulus.
    reach : float
        Seconds that the response to an event lasts beyond its end. Where events follow one another
        more closely, a shorter one leaves more to train on, and lets the tails of held-out
        responses into training.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import Events, Run, Stream
    >>> events = Events([10.0, 90.0, 170.0], [4.0] * 3, ["cat", "dog", "owl"])
    >>> bold = Stream(np.zeros((120, 1)), 2.0 * np.arange(120))
    >>> folds = StimulusFolds().folds([Run({"V1": bold}, {"events": events}, tr=2.0)])
    >>> [(fold.label, int(fold.tested[0].within(bold.times).sum())) for fold in folds]
    [('cat', 18), ('dog', 18), ('owl', 18)]
    """

    n_folds: int | None = None
    stimulus: str = "events"
    reach: float = REACH

    def folds(self, runs: Sequence[Run]) -> list[Fold]:
        """Return the folds.

        Parameters
        ----------
        runs : sequence of Run

        Raises
        ------
        UsageError
            If the reach is negative, or there are fewer than two folds or more than stimuli.
        DataError
            If no run has the events, there are fewer than two stimuli with events, or a fold leaves
            nothing to train or test on.
        """
        positive_number("reach", self.reach, zero=True)
        if self.n_folds is not None:
            whole_number("n_folds", self.n_folds, least=2)
        groups = self._groups(runs)
        return [self._fold(runs, group) for group in groups]

    def _groups(self, runs: Sequence[Run]) -> list[list[str]]:
        """Return the stimuli of each fold."""
        counts: dict[str, int] = {}
        for run in runs:
            shown = run.stimuli.get(self.stimulus)
            if shown is not None and not isinstance(shown, Events):
                raise DataError(
                    f"{run.label}: stimulus {self.stimulus!r} is sampled, so it is not known when "
                    "the response to a part of it ends; name a stimulus made of events"
                )
            for condition in () if shown is None else shown.conditions:
                if shown is not None and condition in shown.modulators:
                    continue  # a number that goes with a stimulus is none itself
                counts[condition] = counts.get(condition, 0) + 1
        if len(counts) < 2:
            raise DataError(
                f"cv='stimulus' leaves out one stimulus of {self.stimulus!r} after another and "
                f"needs two or more, found {', '.join(counts) or 'none'}; hold out runs (cv='run') "
                "or blocks of time (cv='blocks')"
            )
        n = min(len(counts), MOST_FOLDS) if self.n_folds is None else self.n_folds
        if n > len(counts):
            raise UsageError(f"n_folds must be from 2 to {len(counts)}, the stimuli, got {n}")
        if n == len(counts):
            return [[name] for name in counts]
        groups: list[list[str]] = [[] for _ in range(n)]
        sizes = [0] * n
        # the most frequent first, each to the smallest group
        for name in sorted(counts, key=lambda name: -counts[name]):
            smallest = sizes.index(min(sizes))
            groups[smallest].append(name)
            sizes[smallest] += counts[name]
        return groups

    def _fold(self, runs: Sequence[Run], group: list[str]) -> Fold:
        """Return the fold that holds out some stimuli."""
        label = "+".join(group)
        train, test, trained, tested = [], [], {}, {}
        for k, run in enumerate(runs):
            reached, times = self._reached(run, group), run.measured_times()
            n_reached = int(reached.within(times).sum())
            if not n_reached:
                train.append(k)
                continue
            test.append(k)
            tested[k] = reached
            if len(times) - n_reached >= LEAST_SAMPLES:
                train.append(k)
                trained[k] = reached.outside()
        if not train:
            raise DataError(
                f"fold {label!r}: responses to it reach, with {self.reach:g} s after each event, "
                "all samples of all runs, so nothing is left to train on; hold out whole runs "
                "(cv='run'), or lower the reach (StimulusFolds(reach=...))"
            )
        if not test:
            raise DataError(f"fold {label!r}: no sample was measured in response to it")
        return Fold(label, tuple(train), tuple(test), trained, tested, "stimulus")

    def _reached(self, run: Run, group: list[str]) -> Spans:
        """Return the stretches of time that a response to some stimuli reaches."""
        shown = run.stimuli.get(self.stimulus)
        if not isinstance(shown, Events):
            return Spans([])
        events = zip(shown.onsets, shown.durations, shown.conditions, strict=True)
        return Spans(
            [
                (onset, onset + duration + self.reach)
                for onset, duration, condition in events
                if condition in group
            ]
        )
