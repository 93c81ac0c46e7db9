"""What feature spaces explain alone and together, from the scores of models with and without."""

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

import pandas as pd

from drmbids.data.runs.results import Results, as_results
from drmbids.data.tools.arguments import shortly
from drmbids.data.tools.exceptions import UsageError


def partition_variance(results: Results, spaces: Mapping[str, Collection[str]]) -> pd.DataFrame:
    """Split the held-out R2 of the largest model into unique and shared parts.

    The part that all spaces of a set ``S`` share and no other has is, by inclusion and exclusion,
    ``sum over A in S of (-1)^(|A| + 1) R2(A and all spaces outside S)``, ``R2() = 0``. The parts
    add up to the R2 of the model with all spaces. Nested models are the simplest case: what a
    larger model adds to a smaller one is unique to what it has more.

    Parameters
    ----------
    results : Results
        Scores of the models.
    spaces : mapping of str to collection of str
        The feature spaces (stimuli, populations, connections ...) that each model has. Parts are
        given as far as their models are there: all of them with a model for each set of spaces;
        unique parts with the full model and those that lack one space.

    Returns
    -------
    DataFrame
        One row for each part, region and target: ``part`` (names joined by ``&``), ``n_spaces,
        region, target, r2`` (mean over folds). Held-out parts can be negative: a space that does
        harm, or, for shared parts, spaces that suppress each other's noise.

    Raises
    ------
    UsageError
        If a model is not among the results, two models have the same spaces, or no part can be
        had because the model with all spaces or those without one are missing.

    References
    ----------
    Mood 1971, American Educational Research Journal 8:191-202 (commonality analysis); de Heer et
    al. 2017, Journal of Neuroscience 37:6539-6557.

    Examples
    --------
    >>> rows = [("sound", 0.2), ("words", 0.3), ("both", 0.4)]
    >>> table = pd.DataFrame([(m, "run-1", "A1", 0, 0.5, r2) for m, r2 in rows],
    ...                      columns=["model", "fold", "region", "target", "r", "r2"])
    >>> spaces = {"sound": ["sound"], "words": ["words"], "both": ["sound", "words"]}
    >>> parts = partition_variance(Results(table), spaces)
    >>> dict(zip(parts.part, parts.r2.round(2).tolist()))
    {'sound': 0.1, 'words': 0.2, 'sound & words': 0.1}
    """
    results = as_results(results)
    if not isinstance(spaces, Mapping):
        raise UsageError(f"spaces must be a dict {{model: names}}, got {shortly(spaces)}")
    wide = results.per_target().pivot_table(
        index=["region", "target"], columns="model", values="r2", sort=False, dropna=False
    )
    absent = [model for model in spaces if model not in wide]
    if absent:
        raise UsageError(f"no model {absent[0]!r} in the results, which have {list(wide)}")
    of = {frozenset(names): model for model, names in spaces.items()}
    if len(of) < len(spaces):
        raise UsageError(f"two models have the same spaces in {dict(spaces)}; leave one out")
    every = list(dict.fromkeys(name for names in spaces.values() for name in names))
    tables = []
    for part in _subsets(every, smallest=1):
        rest = frozenset(every) - set(part)
        terms = [(len(some), rest | set(some)) for some in _subsets(part)]
        if not all(names in of for _, names in terms if names):
            continue
        signed = [(-1) ** (n + 1) * wide[of[names]] for n, names in terms if names]
        r2 = sum(signed[1:], start=signed[0]).rename("r2").reset_index()
        tables.append(r2.assign(part=" & ".join(part), n_spaces=len(part)))
    if not tables:
        raise UsageError(
            f"no part of {every} follows from models with {[sorted(names) for names in of]}; "
            "add the model with all spaces, and those that lack one"
        )
    columns = ["part", "n_spaces", "region", "target", "r2"]
    return pd.concat(tables, ignore_index=True)[columns]


def _subsets(names: Collection[str], smallest: int = 0) -> Iterator[tuple[str, ...]]:
    """Yield all subsets of a given size or larger, small ones first."""
    for size in range(smallest, len(names) + 1):
        yield from combinations(names, size)
