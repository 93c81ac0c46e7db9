"""The given models of a participant against each other."""

import warnings
from collections.abc import Mapping, Sequence

import pandas as pd

from drmbids.compare.statistics.pairs import compare_pairs
from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError


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
