"""The one number that an estimator is judged by."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from drmbids.data.runs.align import ONLY, saw_readout
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.maths.metrics.scores import score_run


def mean_score(
    fitted: Any,
    runs: Sequence[Run],
    predicted: Any,
    score: Literal["r", "r2"] = "r2",
    region: str | None = None,
) -> float:
    """Return the mean score over targets and runs; of several readouts the mean of theirs.

    Parameters
    ----------
    fitted : RunEstimator
        Says which regions and readouts there are, and what is taken out of both series.
    runs : sequence of Run
        With the targets of the fit.
    predicted : array of object, or mapping of str to array of object
        What :meth:`predict` gave.
    score : {"r", "r2"}
    region : str, optional
        The only one to be scored.

    Raises
    ------
    DataError
        If no target of any run varies.
    UsageError
        If there is no such region.
    """
    known = [name for regions in fitted.readouts_.values() for name in regions]
    if region is not None and region not in known:
        raise UsageError(f"no region {region!r} in the fit, which has {known}")
    values = []
    for name, series in (
        predicted if isinstance(predicted, Mapping) else {ONLY: predicted}
    ).items():
        regions, nuisance = fitted.readouts_[name], fitted._nuisances[name]
        if region is not None and region not in regions:
            continue
        tables = [
            score_run(run, predictions, regions, nuisance)
            for run, predictions in zip(runs, series, strict=True)
            if saw_readout(run, name, regions)
        ]
        wanted = [t if region is None else t[t["region"] == region] for t in tables]
        values.append(_mean([table[score].to_numpy() for table in wanted]))
    if np.isnan(values).all():
        raise DataError(
            f"{runs[0].label}: nothing to score, every target is missing, constant, or "
            "explained by drift and confounds alone"
        )
    return float(np.nanmean(values))


def _mean(of_runs: Sequence[np.ndarray]) -> float:
    """Return the mean over targets and runs, NaN without any."""
    values = np.concatenate(of_runs or [[np.nan]])
    return math.nan if np.isnan(values).all() else float(np.nanmean(values))
