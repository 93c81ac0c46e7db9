"""Folds that hold out contiguous blocks in time, so that one run is enough."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from drmbids.compare.splits.stimulus_folds import LEAST_SAMPLES, REACH
from drmbids.data.runs.fold import Fold
from drmbids.data.runs.run import Run
from drmbids.data.runs.spans import Spans
from drmbids.data.tools.arguments import positive_number, whole_number
from drmbids.data.tools.exceptions import DataError

#: Blocks that a run is cut into unless another number is asked for.
N_BLOCKS = 4

# Seconds above the tolerance of times in spans, below any sampling interval.
_CLOSE = 4e-6


@dataclass(frozen=True)
class BlockFolds:
    """Cross-validation over contiguous blocks in time, for :func:`drmbids.compare_models`.

    Each run is cut into blocks of as many measured volumes; a fold holds out one block of every
    run. Volumes less than ``guard`` seconds before or after the held-out block are neither trained
    on nor scored: noise is autocorrelated, and responses to what was shown in one block reach into
    the next. Held-out and guard volumes are missing (NaN) in training; stimuli and the model's
    activity run through them.

    Parameters
    ----------
    n_blocks : int
        Blocks of each run, two or more.
    guard : float
        Seconds left out on each side of the held-out block; the length of nilearn's hemodynamic
        responses by default.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import Run, Stream
    >>> run = Run({"V1": Stream(np.zeros((120, 1)), 2.0 * np.arange(120))}, tr=2.0)
    >>> for fold in BlockFolds().folds([run]):
    ...     (train,), (test,) = fold.training_runs([run]), fold.test_runs([run])
    ...     n = [int(np.isfinite(r.responses["V1"].values).sum()) for r in (train, test)]
    ...     print(fold.label, *n)
    block-1 75 30
    block-2 60 30
    block-3 60 30
    block-4 75 30
    """

    n_blocks: int = N_BLOCKS
    guard: float = REACH

    def folds(self, runs: Sequence[Run]) -> list[Fold]:
        """Return the folds.

        Parameters
        ----------
        runs : sequence of Run
            One or more; lengths, repetition times and measured times may differ.

        Raises
        ------
        UsageError
            If there are fewer than two blocks, or the guard is negative.
        DataError
            If a run is too short for its blocks and guards; the message says how many fit.
        """
        whole_number("n_blocks", self.n_blocks, least=2)
        positive_number("guard", self.guard, zero=True)
        cuts = [self._cut(run) for run in runs]
        every = tuple(range(len(runs)))
        return [
            Fold(
                f"block-{i + 1}",
                every,
                every,
                {k: blocks[i][0] for k, blocks in enumerate(cuts)},
                {k: blocks[i][1] for k, blocks in enumerate(cuts)},
                "block",
            )
            for i in range(self.n_blocks)
        ]

    def _cut(self, run: Run) -> list[tuple[Spans, Spans]]:
        """Return when a run is trained on and when it is tested, for each block."""
        times = _there(run)
        if not _fits(times, self.n_blocks, self.guard):
            raise DataError(_too_short(run.label, times, self.n_blocks, self.guard))
        return _blocks(times, self.n_blocks, self.guard)


def block_folds(
    runs: Sequence[Run], n_blocks: int = N_BLOCKS, guard: float = REACH
) -> Iterator[tuple[list[Run], list[Run]]]:
    """Yield runs to train on and to test on, with one block of time after another held out.

    Parameters
    ----------
    runs : sequence of Run
    n_blocks, guard
        As :class:`BlockFolds` has them.

    Yields
    ------
    train_runs : list of Run
        The runs with held-out and guard volumes missing (NaN).
    test_runs : list of Run
        The runs with all but the held-out volumes missing, ``block-1`` ... in their labels.

    Raises
    ------
    UsageError, DataError
        As :meth:`BlockFolds.folds`.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import Run, Stream
    >>> run = Run({"V1": Stream(np.zeros((120, 1)), 2.0 * np.arange(120))}, tr=2.0)
    >>> for train, test in block_folds([run], n_blocks=2, guard=20.0):
    ...     print(test[0].label, int(np.isfinite(train[0].responses["V1"].values).sum()))
    block-1 51
    block-2 51
    """
    for fold in BlockFolds(n_blocks, guard).folds(runs):
        yield fold.training_runs(runs), fold.test_runs(runs)


def block_splits(
    runs: Sequence[Run], n_blocks: int = N_BLOCKS, guard: float = REACH
) -> tuple[list[Run], list[tuple[np.ndarray, np.ndarray]]]:
    """Return the runs of :func:`block_folds` in one list, with the indices of each fold into it.

    Indices cannot mask volumes, so what scikit-learn's ``cross_validate`` and searches without a
    refit get is every training and test run of every fold as a sample of its own. The ``score`` of
    an estimator takes the nuisance out of the held-out block itself.

    Parameters
    ----------
    runs : sequence of Run
    n_blocks, guard
        As :class:`BlockFolds` has them.

    Returns
    -------
    pieces : list of Run
    splits : list of (array of int, array of int)
        Training and test samples of each fold, as ``cv``.

    Raises
    ------
    UsageError, DataError
        As :meth:`BlockFolds.folds`.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from drmbids import Events, GLMBaseline, Run, Stream
    >>> bold = Stream(np.random.default_rng(0).normal(size=(160, 2)), 2.0 * np.arange(160))
    >>> onsets = 20.0 * np.arange(15)
    >>> events = Events(onsets, np.full(15, 5.0), ["face", "house", "face"] * 5)
    >>> pieces, splits = block_splits([Run({"V1": bold}, {"events": events}, tr=2.0)])
    >>> cross_validate(GLMBaseline(), pieces, cv=splits)["test_score"].shape
    (4,)
    """
    pieces, splits = [], []
    for train, test in block_folds(runs, n_blocks, guard):
        middle, last = len(pieces) + len(train), len(pieces) + len(train) + len(test)
        splits.append((np.arange(len(pieces), middle), np.arange(middle, last)))
        pieces += [*train, *test]
    return pieces, splits


def _there(run: Run) -> np.ndarray:
    """Return the times at which anything was measured in a run; all where nothing was."""
    if not run.responses:
        return run.measured_times()
    parts = [s.times[np.isfinite(s.values).any(axis=1)] for s in run.responses.values()]
    return np.unique(np.concatenate(parts))


def _blocks(times: np.ndarray, n_blocks: int, guard: float) -> list[tuple[Spans, Spans]]:
    """Return what is trained on and what is tested for each block of as many times."""
    parts, found = np.array_split(times, n_blocks), []
    for i, part in enumerate(parts):
        first, last = i == 0, i == n_blocks - 1
        start, end = -np.inf if first else part[0], np.inf if last else parts[i + 1][0]
        # a volume that lies the whole guard before the block is trained on
        before = [] if first else [(-np.inf, min(start, start - guard + _CLOSE))]
        after = [] if last else [(max(part[-1] + guard, end), np.inf)]
        found.append((Spans([*before, *after]), Spans([(start, end)])))
    return found


def _fits(times: np.ndarray, n_blocks: int, guard: float) -> bool:
    """Return whether each block leaves enough to train on and has enough to test."""
    if len(times) < n_blocks * LEAST_SAMPLES:
        return False
    blocks = _blocks(times, n_blocks, guard)
    return all(trained.within(times).sum() >= LEAST_SAMPLES for trained, _ in blocks)


def _too_short(label: str, times: np.ndarray, n_blocks: int, guard: float) -> str:
    """Return that a run cannot be cut into so many blocks, and what can be done."""
    most = len(times) // LEAST_SAMPLES
    fitting = [n for n in range(2, most + 1) if _fits(times, n, guard)]
    without = _fits(times, n_blocks, 0.0)
    if fitting:
        nearest = min(fitting, key=lambda n: abs(n - n_blocks))
        remedy = f"{nearest} blocks fit (n_blocks={nearest})"
    else:
        remedy = "no number of blocks fits" + ("" if most < 2 else ", a shorter guard may")
    if without and guard > 0:
        remedy += f"; {n_blocks} blocks fit without a guard (guard=0)"
    return (
        f"{label}: {len(times)} measured volumes are too few for {n_blocks} blocks with "
        f"{guard:g} s left out on each side, each of {LEAST_SAMPLES} volumes or more and with "
        f"{LEAST_SAMPLES} or more to train on: {remedy}; or fit in sample (cv='none')"
    )
