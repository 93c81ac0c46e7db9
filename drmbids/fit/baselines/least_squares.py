"""Least squares for many targets over several runs, the nuisance of each taken out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from drmbids.data.runs.nuisance import RANK_TOLERANCE, project_out, same_weights
from drmbids.data.runs.run import Run
from drmbids.maths.metrics.scores import check_regions


class CleanPart(NamedTuple):
    """Targets that have the same samples with the same weights, without the nuisance of each run.

    Only runs in which these targets were measured are there. Designs and data are times the roots
    of the weights, so that least squares of them is weighted least squares.
    """

    targets: np.ndarray  # shape: (n,), indices
    designs: list[np.ndarray]  # shape: (n_there, n_regressors), one for each run
    data: list[np.ndarray]  # shape: (n_there, n), one for each run
    ranks: list[int]  # of the nuisance, one for each run
    alive: np.ndarray  # shape: (n_regressors,), whether samples and nuisance leave some of it
    weight: float  # sum of the weights: the number of samples where there are none


class Part(NamedTuple):
    """Targets that have the same samples with the same weights."""

    targets: np.ndarray  # shape: (n,), indices
    rows: list[np.ndarray]  # shape: (n_there,), indices, for each run
    roots: list[np.ndarray]  # shape: (n_there, 1), roots of their weights, for each run


#: Size that a regressor has to have in the samples that are there, as a share of that in all: of
#: one whose events are held out a tail is left, or rounding, which would get a huge weight.
LEAST_SEEN = 1e-3

#: Weights of the elements of each run, None where they count alike.
Weights = Sequence[np.ndarray | None] | None


#: Targets of which there are copies at a time.
TARGETS_AT_ONCE = 10_000


class Measured:
    """The measured series of a run, regions side by side, of which columns are copied on demand.

    Parameters
    ----------
    run : Run
    regions : mapping of str to int
        Number of targets of each region.
    """

    def __init__(self, run: Run, regions: Mapping[str, int]):
        check_regions(run, regions)
        self._series = [run.responses[region].values for region in regions]
        self._ends = np.cumsum(list(regions.values()))
        self.shape = (len(self._series[0]), int(self._ends[-1]))

    def columns(self, some: slice) -> np.ndarray:
        """Return some of the targets, shape (n_measured, n)."""
        starts = [0, *self._ends[:-1]]
        parts = [
            series[:, max(some.start - start, 0) : max(some.stop - start, 0)]
            for series, start in zip(self._series, starts, strict=True)
        ]
        return np.concatenate(parts, axis=1)


#: Measured values of each run.
Values = Sequence[np.ndarray | Measured]


def target_blocks(
    values: Values, weights: Weights = None
) -> Iterator[tuple[slice, list[np.ndarray], Weights]]:
    """Yield some targets at a time: which, their values, and their weights.

    Parameters
    ----------
    values : sequence of (array of shape (n_measured, n_targets), or Measured)
        One for each run.
    weights : sequence of (array of shape (n_measured, 1) or (n_measured, n_targets), or None)
        One for each run; all alike when absent.
    """
    n_targets = values[0].shape[1]
    for first in range(0, n_targets, TARGETS_AT_ONCE):
        some = slice(first, min(first + TARGETS_AT_ONCE, n_targets))
        parts = [v.columns(some) if isinstance(v, Measured) else v[:, some] for v in values]
        own = weights and [w if w is None or w.shape[1] == 1 else w[:, some] for w in weights]
        yield some, parts, own


def parts_of(values: Sequence[np.ndarray], weights: Weights = None) -> Iterator[Part]:
    """Yield targets that have the same samples with the same weights.

    Parameters
    ----------
    values : sequence of array of shape (n_measured, n_targets)
        One for each run; NaN where missing. Targets without any element are left out.
    weights : sequence of (array of shape (n_measured, 1) or (n_measured, n_targets), or None)
        One for each run; all alike when absent.
    """
    whole = None
    if weights is not None and any(w is not None for w in weights):
        own = [
            np.ones((len(y), 1)) if w is None else w for w, y in zip(weights, values, strict=True)
        ]
        width = max(w.shape[1] for w in own)
        whole = np.concatenate([np.broadcast_to(w, (len(w), width)) for w in own])
    starts = np.cumsum([0, *(len(block) for block in values)])
    for rows, targets, root in same_weights(np.concatenate(values), whole):
        cuts = np.searchsorted(rows, starts)
        each = [slice(a, b) for a, b in pairwise(cuts)]
        inside = [rows[some] - start for some, start in zip(each, starts, strict=False)]
        yield Part(targets, inside, [root[some] for some in each])


def clean_parts(
    designs: Sequence[np.ndarray],
    values: Sequence[np.ndarray],
    bases: Sequence[np.ndarray],
    weights: Weights = None,
) -> Iterator[CleanPart]:
    """Yield design and data with the nuisance taken out, targets with the same gaps together.

    Parameters
    ----------
    designs : sequence of array of shape (n_measured, n_regressors)
        One for each run.
    values : sequence of array of shape (n_measured, n_targets)
        NaN where missing. Targets without any element are left out.
    bases : sequence of array of shape (n_measured, rank)
        Nuisance of each run.
    weights : sequence of array, optional
        As for :func:`parts_of`.

    Yields
    ------
    CleanPart
    """
    for targets, rows, roots in parts_of(values, weights):
        part = CleanPart(targets, [], [], [], np.zeros(designs[0].shape[1], dtype=bool), 0.0)
        (size, whole), weight = np.zeros((2, designs[0].shape[1])), 0.0
        for x, y, basis, there, root in zip(designs, values, bases, rows, roots, strict=True):
            if there.size:
                own = basis[there] * root
                part.designs.append(project_out(own, x[there] * root))
                part.data.append(project_out(own, y[np.ix_(there, targets)] * root))
                part.ranks.append(int(np.linalg.matrix_rank(own, rtol=RANK_TOLERANCE)))
                size += ((x[there] * root) ** 2).sum(0)
                whole += (x**2).sum(0) * (root**2).mean()
                weight += float((root**2).sum())
        norms = sum((x**2).sum(0) for x in part.designs)
        alive = (norms > RANK_TOLERANCE**2 * size) & (norms > LEAST_SEEN**2 * whole)
        yield part._replace(alive=alive, weight=weight)


def least_squares(
    designs: Sequence[np.ndarray],
    values: Values,
    bases: Sequence[np.ndarray],
    weights: Weights = None,
) -> np.ndarray:
    """Return the regression weights that fit all runs at once, with the nuisance of each taken out.

    Parameters
    ----------
    designs : sequence of array of shape (n_measured, n_regressors)
        One for each run.
    values : sequence of array of shape (n_measured, n_targets)
        NaN elements are left out, each for its own target.
    bases : sequence of array of shape (n_measured, rank)
        Nuisance of each run.
    weights : sequence of array, optional
        Of the measured elements, as for :func:`parts_of`.

    Returns
    -------
    array of shape (n_regressors, n_targets)
        The shortest solution where regressors depend on each other; zero for one that the
        nuisance explains; NaN for a target without any element.
    """
    solved = np.full((designs[0].shape[1], values[0].shape[1]), np.nan)
    for some, parts, own in target_blocks(values, weights):
        for part in clean_parts(designs, parts, bases, own):
            design, data = np.concatenate(part.designs), np.concatenate(part.data)
            norms = np.linalg.norm(design[:, part.alive], axis=0)
            found = np.zeros((len(solved), data.shape[1]))
            scaled = design[:, part.alive] / norms
            solution = np.linalg.lstsq(scaled, data, rcond=RANK_TOLERANCE)[0]
            found[part.alive] = solution / norms[:, None]
            solved[:, some.start + part.targets] = found
    return solved
