"""The null without fitting again: predictions already made, moved against the measured series."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from drmbids.compare.crossvalidation.held_out import HeldOut
from drmbids.compare.statistics.null import Null, draw_permutations
from drmbids.compare.statistics.reciprocal import parts_as_runs, ranks_of, spread_of, training_pairs
from drmbids.data.runs.results import Results
from drmbids.maths.metrics.scores import correlation, remainder
from drmbids.maths.metrics.shifted import shifted_correlations

# Targets that are permuted at once: bounds memory, changes no number.
_BLOCK = 1000


def moved_predictions(
    results: Results,
    series: Mapping[str, Sequence[HeldOut]],
    n_permutations: int,
    scheme: str,
    rng: np.random.Generator,
) -> dict[str, Null]:
    """Move predictions already made against the measured series.

    Parameters
    ----------
    results : Results
    series : mapping of str to sequence of HeldOut
        By model; all models get the same permutations.
    n_permutations : int
    scheme : {"shift", "runs"}
    rng : numpy.random.Generator

    Raises
    ------
    DataError
        If ``"runs"`` meets runs of different length.
    """
    first = next(iter(series.values()))
    lengths = [len(part.measured) for part in first]
    choices = draw_permutations(lengths, n_permutations, scheme, rng)
    assert results.folds is not None
    # what a block is predicted from are the other blocks, as far as the guard leaves them
    blocks = any(fold.kind == "block" for fold in results.splits)
    folds = parts_as_runs(results.folds) if blocks else results.folds
    pairs = training_pairs(folds, [part.run for part in first])
    return {
        model: _moved(parts, choices, scheme, pairs, results.ranks.get(model, {}))
        for model, parts in series.items()
    }


def _moved(
    parts: Sequence[HeldOut],
    choices: np.ndarray,
    scheme: str,
    pairs: tuple[np.ndarray, np.ndarray],
    known: Mapping[str, float],
) -> Null:
    """Return the null of one model, block by block of targets."""
    ranks = ranks_of(known, parts[0].targets["region"].tolist(), [p.complete for p in parts])
    n_targets = len(parts[0].targets)
    observed, above = np.empty(n_targets), np.empty(n_targets, dtype=int)
    largest = np.full(len(choices), -np.inf)
    folds = pd.factorize(np.array([part.fold for part in parts]))[0]
    for start in range(0, n_targets, _BLOCK):
        block = slice(start, start + _BLOCK)
        # scores of each run with each thing it may be paired with: (n_choices, n_targets)
        if scheme == "shift":
            tables = [
                shifted_correlations(
                    p.measured[:, block], p.complete[:, block], p.basis, p.weights_of(block)
                )
                for p in parts
            ]
            unmoved = np.zeros(len(parts), dtype=int)
        else:
            tables = [_with_every_run(part, parts, block) for part in parts]
            unmoved = np.arange(len(parts))
        scores = np.stack([table[k] for table, k in zip(tables, unmoved, strict=True)])
        weights = _weights(np.isfinite(scores), folds)
        tables = [np.nan_to_num(table) for table in tables]
        null = sum(w * table[k] for w, table, k in zip(weights, tables, choices.T, strict=True))
        centre = sum(w * table.mean(0) for w, table in zip(weights, tables, strict=True))
        size = np.sqrt(sum(w**2 * table.var(0) for w, table in zip(weights, tables, strict=True)))
        null = centre + _spread(null - centre, size, weights, ranks[block], pairs)
        observed[block] = (weights * np.nan_to_num(scores)).sum(0)
        above[block] = (null >= observed[block]).sum(0)
        largest = np.fmax(largest, np.nan_to_num(null, nan=-np.inf).max(1))
    return Null(observed, above, largest)


def _spread(
    deviations: np.ndarray,
    size: np.ndarray,
    weights: np.ndarray,
    ranks: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return deviations of moved scores, (n_permutations, n_targets), as those of new fits."""
    out = np.full_like(deviations, np.nan)
    # targets that were scored in the same runs and have as many features
    alike = np.concatenate([np.where(np.isfinite(weights), weights, -1.0), ranks[None]])
    kinds, which = np.unique(alike, axis=1, return_inverse=True)
    for k, kind in enumerate(kinds.T):
        columns = np.flatnonzero((which.ravel() == k) & (size > 0))
        if columns.size and kind[0] >= 0:
            spread = spread_of(*pairs, kind[:-1], kind[-1])
            out[:, columns] = size[columns] * spread(deviations[:, columns] / size[columns])
    return out


def _with_every_run(part: HeldOut, parts: Sequence[HeldOut], block: slice) -> np.ndarray:
    """Return r of one measured run with the predictions for every run."""
    measured = part.measured[:, block]
    there = np.isfinite(measured)
    predicted = (np.where(there, other.complete[:, block], np.nan) for other in parts)
    w = part.weights_of(block)
    return np.stack([correlation(measured, remainder(part.basis, p, w), w) for p in predicted])


def _weights(scored: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return the weights (n_runs, n_targets) of a mean over folds of means over their runs.

    Runs and folds in which a target has no score are left out; NaN where it never has one.
    """
    per_fold = np.zeros((folds.max() + 1, scored.shape[1]))
    np.add.at(per_fold, folds, scored)
    n_folds = (per_fold > 0).sum(0)
    weights = scored / np.maximum(per_fold[folds], 1) / np.maximum(n_folds, 1)
    return np.where(n_folds > 0, weights, np.nan)
