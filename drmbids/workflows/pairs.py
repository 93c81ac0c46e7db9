"""The given models of a participant against each other."""

import warnings
from collections.abc import Mapping, Sequence

import pandas as pd

from drmbids.comparison.pairs import compare_pairs
from drmbids.core.exceptions import DataError, DataWarning, UsageError
from drmbids.core.results import Results


def hypothesis_pairs(
    results: Results, names: Sequence[str], n_parameters: Mapping[str, int]
) -> pd.DataFrame | None:
    """Return the differences of each pair of given models; None where there is no pair.

    Models that cannot be compared with each other are warned of: their other results stand.

    Parameters
    ----------
    results : Results
    names : sequence of str
        Of the models that were given, without baselines.
    n_parameters : mapping of str to int
        Trained numbers of those that could be fitted on all runs.
    """
    if len(names) < 2:
        return None
    try:
        return compare_pairs(results, names, n_parameters)
    except (DataError, UsageError) as error:
        text = f"the given models are not compared with each other: {error}"
        warnings.warn(text, DataWarning, stacklevel=2)
        return None
