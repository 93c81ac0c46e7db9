"""Numbers and tables as a reader wants them."""

import math
import numbers
from typing import Any

import pandas as pd

#: Titles of columns whose names are not plain words.
_TITLES = {
    "r_median": "median r",
    "r_mean": "mean r",
    "r_p95": "95th pct. r",
    "r2_median": "median R²",
    "r2_mean": "mean R²",
    "r2_p95": "95th pct. R²",
    "r2": "R²",
    "r_fold_sd": "SD of r",
    "r2_fold_sd": "SD of R²",
    "log_likelihood": "log-likelihood (nat)",
    "n_folds": "folds",
    "n_folds_left_out": "folds left out",
    "fold_se": "SE",
    "n_above_chance_fwe": "voxels, family-wise",
    "n_above_chance_fdr": "voxels, false discovery",
    "p_fwe_min": "smallest p, family-wise",
    "r_ceiling_median": "median ceiling of r",
    "explainable_variance_median": "median explainable variance",
    "split_half_median": "median split half",
    "r_normalised_median": "median normalised r",
    "n_better": "better in",
    "mean_difference": "mean",
    "interval": "95 % interval",
    "between_sd": "SD between",
    "delay_s": "delay (s)",
    "time_s": "time (s)",
    "weight_mean": "mean weight",
    "weight_norm": "weight norm",
    "gated_by": "gated by",
    "participant_id": "participant",
    "n_targets": "targets",
    "n_participants": "participants",
}


def format_value(value: Any) -> str:
    """Return a value as text: three significant digits, ``n/a`` where it is missing.

    Examples
    --------
    >>> [format_value(v) for v in (0.123456, 1452.4, 3, 1.5e-7, float("nan"), None, True)]
    ['0.123', '1452', '3', '1.5e-07', 'n/a', 'n/a', 'yes']
    """
    if value is None:
        return "n/a"
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return _format_float(float(value))
    return "n/a" if value is pd.NA else str(value)


def _format_float(value: float) -> str:
    """Return a float with three significant digits, digits before the point kept."""
    if math.isnan(value):
        return "n/a"
    if 1000 <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.3g}"


def table_view(table: pd.DataFrame, most_rows: int = 200) -> dict[str, Any]:
    """Return what the template needs of a table: titles, rows of text, which columns are numbers.

    Parameters
    ----------
    table : DataFrame
    most_rows : int
        Rows shown.

    Returns
    -------
    dict
        ``titles``, ``numeric`` (bool by column), ``rows``, ``n_rows`` (of the whole table).
    """
    shown = table.head(most_rows)
    return {
        "titles": [_TITLES.get(str(c), str(c).replace("_", " ")) for c in table.columns],
        "numeric": [
            pd.api.types.is_numeric_dtype(table[c]) and not pd.api.types.is_bool_dtype(table[c])
            for c in table.columns
        ],
        "rows": [[format_value(v) for v in row] for row in shown.itertuples(index=False)],
        "n_rows": len(table),
    }
