"""How well a fit recovers the truth of simulated data."""

from pathlib import Path

import pandas as pd

from drmbids.compare.recovery.truth import describe, read_truth
from drmbids.fit.estimators.drm import DRMRegressor

#: Columns of the table of :func:`recovery_table`, with what they mean.
RECOVERY_COLUMNS = {
    "quantity": {"Description": "Kind of parameter"},
    "name": {"Description": "Population, region or connection"},
    "unit": {"Description": "Unit of truth and estimate; 1 for none"},
    "truth": {"Description": "Value that the data were simulated with"},
    "estimate": {"Description": "Value in the fitted model; n/a where the model lacks it"},
}


def recovery_table(estimator: DRMRegressor, truth: pd.DataFrame | str | Path) -> pd.DataFrame:
    """Return the estimates of a fitted model beside the values that the data were drawn with.

    Parameters
    ----------
    estimator : DRMRegressor
        Fitted.
    truth : DataFrame, str or Path
        A truth file, or its rows.

    Returns
    -------
    DataFrame
        Columns ``quantity, name, unit, truth, estimate``, one row for each quantity of the
        truth; the estimate is NaN where the model lacks it (a connection left out). What the
        quantities mean is said at :func:`~drmbids.compare.recovery.truth.describe`.

    Raises
    ------
    DataError
        If the file is no truth file.
    """
    known = truth if isinstance(truth, pd.DataFrame) else read_truth(truth)
    found = describe(estimator.net_).rename(columns={"value": "estimate"})
    table = known.rename(columns={"value": "truth"}).merge(
        found[["quantity", "name", "estimate"]], on=["quantity", "name"], how="left"
    )
    return table[list(RECOVERY_COLUMNS)]
