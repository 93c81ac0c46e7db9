"""Held-out errors of linear models that differ in their design, in stretches of time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t

from drmbids.compare.splits.stimulus_folds import REACH
from drmbids.compare.splits.time_blocks import BlockFolds
from drmbids.compare.timing.designs import Setting
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError

#: A setting is clearly better if it gains this much held-out R2, and this share of what it reaches,
LEAST_GAIN, LEAST_SHARE = 0.005, 0.1
#: and if chance makes so large a gain, in any of the settings, with less than this probability.
LEVEL = 0.01

#: Folds over many runs.
MOST_FOLDS = 10

#: Blocks of a single run. With four, as comparisons have them, the audit warns of 19 in place of 20
#: of 24 simulated runs of ten minutes that are half a TR late, as rarely (0 of 72) where none is.
SINGLE_RUN_FOLDS = 5

#: Rows that there are for each regressor at least.
ROWS_PER_REGRESSOR = 20

# Eigenvalues of a correlation matrix of regressors below this count as zero.
_TOLERANCE = 1e-8


class Fold(NamedTuple):
    """Rows of the data, which has the runs one after another."""

    stretches: list[np.ndarray]  # tested: indices of rows
    left_out: np.ndarray  # of training: indices of rows


class _Predicted(NamedTuple):
    """How well a design explains the data."""

    squared: np.ndarray  # held-out errors, shape: (n_stretches, n_targets)
    explained: np.ndarray  # share of the training data, shape: (n_folds, n_targets)


class Errors:
    """Held-out squared errors of each setting, targets together, in each stretch."""

    def __init__(self, values: np.ndarray, folds: Sequence[Fold]):
        self.values, self.folds = values, folds
        self.predicted: dict[Setting, _Predicted] = {}
        self.weights = np.ones((0, 0))

    def add(self, designs: dict[Setting, np.ndarray]) -> None:
        """Predict held-out data with more designs; those added first weigh the targets."""
        found = {s: _predict(self.values, design, self.folds) for s, design in designs.items()}
        if not self.predicted:
            weights = np.max([p.explained for p in found.values()], axis=0)
            # where nothing is explained all targets count alike
            weights = weights + _TOLERANCE
            self.weights = np.repeat(
                weights / weights.sum(1, keepdims=True),
                [len(fold.stretches) for fold in self.folds],
                axis=0,
            )
        self.predicted |= found

    @property
    def total(self) -> np.ndarray:
        """Squared data in each stretch: the error of predicting nothing."""
        rows = [rows for fold in self.folds for rows in fold.stretches]
        return (np.stack([(self.values[r] ** 2).sum(0) for r in rows]) * self.weights).sum(1)

    def of(self, setting: Setting) -> np.ndarray:
        """Return the errors of one setting, shape (n_stretches,)."""
        return (self.predicted[setting].squared * self.weights).sum(1)

    def r2(self, setting: Setting) -> float:
        """Return the explained share of all that was held out."""
        return float(1 - self.of(setting).sum() / self.total.sum())

    def gain(self, setting: Setting, over: Setting) -> tuple[float, float, float]:
        """Return the gain in R2, its standard error, and the p of so large a one by chance."""
        before, after = self.of(over), self.of(setting)
        gains = (before - after) / self.total.mean()
        # errors of stretches differ by factors: their logarithms are spread evenly
        mean, error = self._mean(np.log(before / after))
        p = float(student_t.sf(mean / error, len(gains) - 1)) if error > 0 else float(mean <= 0)
        return *self._mean(gains), p

    def _mean(self, values: np.ndarray) -> tuple[float, float]:
        """Return the mean over stretches, and its standard error."""
        n_folds = len(self.folds)
        # over folds, the variance of Nadeau and Bengio: 1 / n_folds + n_test / n_train
        variance = values.var(ddof=1) / len(values) * (1 + n_folds / (n_folds - 1))
        return float(values.mean()), float(np.sqrt(variance))

    def is_clear(
        self, setting: Setting, over: Setting, n_settings: int, least_share: float = LEAST_SHARE
    ) -> bool:
        """Return whether the gain is large enough, and larger than chance makes it."""
        gain, _, p = self.gain(setting, over)
        least = max(LEAST_GAIN, least_share * self.r2(setting))
        return gain >= least and p * n_settings < LEVEL


def audit_folds(runs: Sequence[Run], times: Sequence[np.ndarray]) -> list[Fold]:
    """Return folds over runs, or blocks of a single run; those that leave data to train on."""
    ends = np.cumsum([0, *map(len, times)])
    if len(times) > 1:
        groups = np.array_split(np.arange(len(times)), min(MOST_FOLDS, len(times)))
        rows = [[np.arange(ends[k], ends[k + 1]) for k in group] for group in groups]
        left_out = [np.concatenate(parts) for parts in rows]
    else:
        try:
            blocks = BlockFolds(SINGLE_RUN_FOLDS).folds(runs)
        except DataError:  # too short
            return []
        rows = [[np.flatnonzero(fold.tested[0].within(times[0]))] for fold in blocks]
        left_out = [np.flatnonzero(~fold.trained[0].within(times[0])) for fold in blocks]
    at = np.concatenate(times)
    return [
        Fold([s for part in parts for s in _stretches(at, part)], out)
        for parts, out in zip(rows, left_out, strict=True)
        if len(at) - len(out) >= ROWS_PER_REGRESSOR
    ]


def _stretches(times: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """Return the rows of a run, or block, in stretches that a hemodynamic response fits in."""
    if not len(rows):
        return []
    n = max(1, int((times[rows[-1]] - times[rows[0]]) // REACH))
    return np.array_split(rows, min(n, len(rows)))


def _predict(values: np.ndarray, design: np.ndarray, folds: Sequence[Fold]) -> _Predicted:
    """Return held-out errors, and what is explained in training, of one design."""
    xx, xy, yy = design.T @ design, design.T @ values, (values**2).sum(0)
    squared, explained = [], []
    for fold in folds:
        x, y = design[fold.left_out], values[fold.left_out]
        rest = xy - x.T @ y
        weights = _inverse(xx - x.T @ x) @ rest
        share = len(weights) / (len(values) - len(x))
        fits = (weights * rest).sum(0) / np.maximum(yy - (y**2).sum(0), _TOLERANCE)
        explained.append(np.maximum(fits - share, 0.0))  # what noise explains is the share
        for rows in fold.stretches:
            squared.append(((values[rows] - design[rows] @ weights) ** 2).sum(0))
    return _Predicted(np.stack(squared), np.stack(explained))


def _inverse(xx: np.ndarray) -> np.ndarray:
    """Return the inverse of products of regressors; of collinear ones the pseudoinverse."""
    size = np.sqrt(np.maximum(np.diag(xx), 0.0))
    there = size > _TOLERANCE * size.max(initial=0.0)
    scale = np.where(there, 1 / np.where(there, size, 1.0), 0.0)
    return scale[:, None] * np.linalg.pinv(scale[:, None] * xx * scale, _TOLERANCE, True) * scale
