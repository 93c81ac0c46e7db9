"""Permutations of runs, and what they say of scores."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drmbids.data.tools.exceptions import DataError


class Null(NamedTuple):
    """What permutations say of the observed scores.

    Parameters
    ----------
    observed : array of shape (n_targets,)
        Mean r over folds.
    above : array of int of shape (n_targets,)
        Permutations that reach it.
    largest : array of shape (n_permutations,)
        Largest score of each permutation over targets.
    """

    observed: np.ndarray
    above: np.ndarray
    largest: np.ndarray


def draw_permutations(
    lengths: Sequence[int], n_permutations: int, scheme: str, rng: np.random.Generator
) -> np.ndarray:
    """Return the shift of each run in volumes, or the run whose stimuli it is paired with.

    Parameters
    ----------
    lengths : sequence of int
        Volumes of each run.
    n_permutations : int
    scheme : {"shift", "runs"}
    rng : numpy.random.Generator

    Returns
    -------
    array of int of shape (n_permutations, n_runs)
        The permutation that moves nothing is among those drawn.

    Raises
    ------
    DataError
        If ``"runs"`` meets runs of different length.
    """
    if scheme == "shift":
        return rng.integers(lengths, size=(n_permutations, len(lengths)))
    if len(set(lengths)) > 1:
        raise DataError(
            f"runs of {sorted(set(lengths))} volumes cannot be exchanged; use scheme='shift'"
        )
    return rng.permuted(np.tile(np.arange(len(lengths)), (n_permutations, 1)), axis=1)
