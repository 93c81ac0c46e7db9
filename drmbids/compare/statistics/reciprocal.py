"""How scores of a cross-validation are spread without an effect, beside those of moved predictions.

Run 1 is predicted by a model trained on run 2, and run 2 by one trained on run 1: what the two have
in common by chance enters both scores. Predictions that are moved count each direction on its own,
so that their scores are less spread. By how much, and with which tails, follows from the folds and
from the number of features that a prediction is a weighted sum of.

With ``z_i`` the products of the features and the noise of run ``i``, which are normal, alike and
independent in as many dimensions as there are independent features, the fit to other runs is
``b_i = sum_j z_j``, and the score of run ``i`` is ``z_i b_i / |b_i|``. With one feature this is the
size of its effect, whatever the sign: the upper tail of the mean over runs has twice the
probability of a normal one. With many features the mean is normal, with up to twice the variance.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.stats import norm

#: Draws of the mean score, and how many standard deviations out their quantiles are taken; beyond
#: they go on as a line, which they become: the tail of a normal variable is met by another.
N_DRAWS, FURTHEST = 100_000, 3.0

#: Targets whose predictions are looked at for features in common, and the singular value of series
#: of norm 1 below which one counts as a weighted sum of others.
MOST_COLUMNS, INDEPENDENT = 500, 1e-3

# Numbers that are drawn at once.
_AT_ONCE = 2_000_000

#: Takes scores of moved predictions, in their standard deviations, to those of a cross-validation.
Spread = Callable[[np.ndarray], np.ndarray]


def parts_as_runs(folds: pd.DataFrame) -> pd.DataFrame:
    """Return folds over parts of runs, all of which were held out once, as folds over these parts.

    Parameters
    ----------
    folds : DataFrame
        Columns ``fold, run, part, n_measured``, of :class:`~drmbids.data.runs.results.Results`.

    Returns
    -------
    DataFrame
        The same columns; a fold is trained on the parts that the other folds test.

    Examples
    --------
    >>> rows = [(f"{k}", run, part, 9) for k in (1, 2)
    ...         for run, part in (("a", "train"), (f"a_{k}", "test"))]
    >>> table = pd.DataFrame(rows, columns=["fold", "run", "part", "n_measured"])
    >>> parts_as_runs(table)[["fold", "run", "part"]].values.tolist()
    [['1', 'a_1', 'test'], ['1', 'a_2', 'train'], ['2', 'a_2', 'test'], ['2', 'a_1', 'train']]
    """
    tested = folds[folds["part"] == "test"]
    found = []
    for fold in tested["fold"].unique():
        others = tested[tested["fold"] != fold].assign(fold=fold, part="train")
        found += [tested[tested["fold"] == fold], others]
    return pd.concat(found, ignore_index=True)


def training_pairs(folds: pd.DataFrame, tested: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return which runs the prediction of each held-out run was trained on.

    Parameters
    ----------
    folds : DataFrame
        Columns ``fold, run, part, n_measured``, of :class:`~drmbids.data.runs.results.Results`.
    tested : sequence of str
        Labels of the held-out runs; the first columns of what is returned.

    Returns
    -------
    trained : array of bool of shape (n_tested, n_runs)
    sizes : array of int of shape (n_runs,)
        Volumes.

    Examples
    --------
    >>> rows = [("1", "a", "test", 9), ("1", "b", "train", 8), ("1", "c", "train", 7)]
    >>> table = pd.DataFrame(rows, columns=["fold", "run", "part", "n_measured"])
    >>> training_pairs(table, ["a"])
    (array([[False,  True,  True]]), array([9, 8, 7]))
    """
    place = {label: k for k, label in enumerate(dict.fromkeys([*tested, *folds["run"]]))}
    trained = np.zeros((len(tested), len(place)), dtype=bool)
    for _, rows in folds.groupby("fold", sort=False):
        by_part = rows.groupby("part")["run"].apply(list)
        for label in by_part["test"]:
            if label in place and place[label] < len(tested):
                trained[place[label], [place[other] for other in by_part["train"]]] = True
    sizes = folds.groupby("run")["n_measured"].max()
    return trained, sizes[list(place)].to_numpy()


def spread_of(trained: np.ndarray, sizes: np.ndarray, weights: np.ndarray, rank: float) -> Spread:
    """Return how the mean score of a cross-validation is spread, beside that of moved predictions.

    Parameters
    ----------
    trained : array of bool of shape (n_tested, n_runs)
    sizes : array of shape (n_runs,)
        As :func:`training_pairs` has them.
    weights : array of shape (n_tested,)
        Of each held-out run in the mean.
    rank : float
        Independent features that the predictions are weighted sums of; ``inf`` where they are not
        known: more features have longer tails.

    Examples
    --------
    >>> both_ways = ~np.eye(2, dtype=bool)
    >>> runs, halves = np.full(2, 100), np.full(2, 0.5)
    >>> round(float(spread_of(both_ways, runs, halves, np.inf)(np.ones(1))[0]), 6)  # sqrt(2)
    1.414214
    >>> one_way = np.array([[False, True]])
    >>> float(spread_of(one_way, runs, np.ones(1), np.inf)(np.ones(1))[0])
    1.0
    """
    shares = weights / np.sqrt(sizes[: len(trained)])
    shares = shares / np.linalg.norm(shares)
    from_each = trained * np.sqrt(sizes)
    if not (trained[:, : len(trained)] & trained[:, : len(trained)].T).any():
        return lambda scores: scores
    if np.isinf(rank):
        toward = from_each / np.linalg.norm(from_each, axis=1, keepdims=True)
        shared = toward[:, : len(trained)] * toward[:, : len(trained)].T
        factor = float(np.sqrt(1 + shares @ shared @ shares))
        return lambda scores: factor * scores
    key = (from_each.tobytes(), from_each.shape, shares.tobytes())
    return _between(*_quantiles(*key, max(1, round(rank))))


@lru_cache(maxsize=64)
def _quantiles(
    from_each: bytes, shape: tuple[int, int], shares: bytes, rank: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return quantiles of the mean score, and of a normal variable at the same probabilities."""
    pull = np.frombuffer(from_each).reshape(shape)
    drawn, n_at_once = [], max(1000, _AT_ONCE // shape[1] ** 2)
    rng = np.random.default_rng(0)
    while sum(map(len, drawn)) < N_DRAWS:
        z = _rotated(n_at_once, shape[1], rank, rng)
        fits = pull @ z
        scores = np.einsum("nik,nik->ni", z[:, : shape[0]], fits) / np.linalg.norm(fits, axis=2)
        drawn.append(scores @ np.frombuffer(shares))
    places = np.linspace(-FURTHEST, FURTHEST, 61)
    return places, np.quantile(np.concatenate(drawn), norm.cdf(places))


def _rotated(n: int, n_runs: int, rank: int, rng: np.random.Generator) -> np.ndarray:
    """Draw standard normal vectors of ``n_runs`` runs, up to a rotation that they share.

    They are lower triangular (Bartlett 1933, Proceedings of the Royal Society of Edinburgh
    53:260-283), so that no more numbers are drawn for more features.
    """
    width = min(n_runs, rank)
    z = np.zeros((n, n_runs, width))
    for k in range(n_runs):
        z[:, k, : min(k, width)] = rng.normal(size=(n, min(k, width)))
        if k < width:
            z[:, k, k] = np.sqrt(rng.chisquare(rank - k, size=n))
    return z


def _between(places: np.ndarray, quantiles: np.ndarray) -> Spread:
    """Return the map from one to the other, which goes on as a line at either end."""
    step = np.searchsorted(places, places[-1] - 1.0)
    upper = (quantiles[-1] - quantiles[step]) / (places[-1] - places[step])
    lower = (quantiles[-1 - step] - quantiles[0]) / (places[-1 - step] - places[0])

    def spread(scores: np.ndarray) -> np.ndarray:
        inside = np.interp(scores, places, quantiles)
        above, below = np.maximum(scores - FURTHEST, 0.0), np.minimum(scores + FURTHEST, 0.0)
        return inside + upper * above + lower * below

    return spread


def ranks_of(
    known: Mapping[str, float], regions: Sequence[str], predictions: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the number of independent features of the predictions of each target.

    Parameters
    ----------
    known : mapping of str to float
        As the fitted models told, for some or all regions.
    regions : sequence of str
        Of each target.
    predictions : sequence of array of shape (n_measured, n_targets)
        Of each run, nuisance taken out. Series of more targets than there are features depend on
        each other, which shows how many there are.

    Returns
    -------
    array of shape (n_targets,)
        ``inf`` where it is not known.
    """
    names = np.asarray(regions)
    found = np.full(len(names), np.inf)
    for region in dict.fromkeys(regions):
        of_region = names == region
        most = known.get(region, np.inf)
        for series in predictions:
            some = series[:, of_region]
            some = some[:, np.isfinite(some).all(0) & (some != 0).any(0)]
            if not some.size:
                continue
            some = some / np.linalg.norm(some, axis=0)
            rank = np.linalg.matrix_rank(some[:, :MOST_COLUMNS], tol=INDEPENDENT)
            if rank < min(some.shape[1], MOST_COLUMNS):
                most = min(most, rank)
        found[of_region] = most
    return found
