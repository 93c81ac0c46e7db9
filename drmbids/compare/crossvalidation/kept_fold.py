"""What a fit to a fold gave, and the unit of work that keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from drmbids.compare.crossvalidation.units import Unit, saved_warnings, warnings_of


@dataclass(frozen=True, eq=False)
class FoldFit:
    """What one fit to a fold gave.

    Parameters
    ----------
    predictions : sequence of mapping of str to array of shape (n_measured, n_targets)
        One for each held-out run, by readout.
    scores : DataFrame
        Columns ``run, region, target, r, r2``, maybe ``log_likelihood``; ``readout`` where there
        are several.
    estimator : estimator or None
        Where it is kept.
    messages : sequence of Warning
        What the fit warned of.
    ranks : mapping of str to float
        Independent features that the predictions of each region are weighted sums of, where known.
    error : str or None
        Why the fit failed, in one line; predictions and scores are missing (NaN) then.
    """

    predictions: Sequence[Mapping[str, np.ndarray]]
    scores: pd.DataFrame
    estimator: Any = None
    messages: Sequence[Warning] = ()
    ranks: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None


def save_fold(unit: Unit, found: FoldFit) -> None:
    """Write what a fit to a fold gave, but the estimator.

    Parameters
    ----------
    unit : Unit
    found : FoldFit
    """
    names, scores = {}, found.scores
    for column in [name for name in ("run", "region", "readout") if name in scores]:
        names[column] = list(dict.fromkeys(scores[column]))
        scores = scores.assign(**{column: scores[column].map(names[column].index)})
    arrays = {
        f"prediction/{k}/{readout}": _smallest(series)
        for k, predicted in enumerate(found.predictions)
        for readout, series in predicted.items()
    }
    arrays |= {f"score/{name}": scores[name].to_numpy() for name in scores}
    facts = {
        "names": names,
        "columns": list(scores.columns),
        "warnings": saved_warnings(found.messages),
        "ranks": dict(found.ranks),
        "error": found.error,
    }
    unit.save(arrays, facts)


def load_fold(unit: Unit) -> FoldFit | None:
    """Return what :func:`save_fold` wrote; None where there is nothing that can be used.

    Parameters
    ----------
    unit : Unit
    """
    found = unit.load()
    if found is None:
        return None
    arrays, facts = found
    try:
        columns: dict[str, Any] = {name: arrays[f"score/{name}"] for name in facts["columns"]}
        for column, names in facts["names"].items():
            columns[column] = np.array(names, dtype=object)[columns[column]]
        keys = [name.split("/", 2) for name in arrays if name.startswith("prediction/")]
        predictions = [{} for _ in {k for _, k, _ in keys}]
        for kind, k, readout in keys:
            series = arrays[f"{kind}/{k}/{readout}"]
            predictions[int(k)][readout] = series.astype(np.float64)
        if "run" not in columns:  # of an earlier version: means over the runs of the fold
            raise KeyError("run")
        messages, more = warnings_of(facts), (facts["ranks"], facts["error"])
    except (KeyError, IndexError, TypeError) as error:
        unit.refuse(error)
        return None
    return FoldFit(predictions, pd.DataFrame(columns), None, messages, *more)


def _smallest(series: np.ndarray) -> np.ndarray:
    """Return a series in half the size where nothing of it is lost."""
    small = series.astype(np.float32)
    return small if np.array_equal(small, series, equal_nan=True) else series
