"""Parts of the explained variance, and intervals of parameters, as far as they were asked for."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pandas as pd

from drmbids.app.analysis.config import Config
from drmbids.app.analysis.nested import nested_models
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.compare.crossvalidation.kept_table import kept_table
from drmbids.compare.crossvalidation.units import Units
from drmbids.compare.inference.intervals import parameter_intervals
from drmbids.compare.statistics.partition import partition_variance
from drmbids.compare.statistics.parts import partition_conditions
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, TrainingError, UsageError
from drmbids.fit.baselines.linear import LinearBaseline
from drmbids.fit.estimators.drm import DRMRegressor

COLUMNS = ("model", "measure", "part", "n_spaces", "region", "target", "r2")


def variance_table(
    config: Config,
    results: Results,
    runs: Sequence[Run],
    baselines: Mapping[str, LinearBaseline],
    specs: Mapping[str, ModelSpec],
    units: Units | None = None,
) -> pd.DataFrame | None:
    """Return the parts of explained variance, None where they were not asked for.

    Parameters
    ----------
    config : Config
    results : Results
        Of all compared models.
    runs : sequence of Run
    baselines : mapping of str to LinearBaseline
        Unfitted, by name; the variance of the first, the GLM, is divided.
    specs : mapping of str to ModelSpec
        Model files by name.
    units : Units, optional
        Where the parts of the linear model are kept.

    Returns
    -------
    DataFrame or None
        Columns ``model, measure, part, n_spaces, region, target, r2``.

    Raises
    ------
    DataError
        If spaces were named that the runs do not have.
    """
    if config.variance_parts is None:
        return None
    name, estimator = next(iter(baselines.items()))
    spaces, folds = config.variance_parts, list(results.splits)
    asked = spaces, [fold.label for fold in folds], config.guard, results.nuisance
    table = kept_table(
        units, name, "parts", estimator, runs, asked,
        lambda _: partition_conditions(estimator, runs, spaces, folds, results.nuisance),
    )  # fmt: skip
    tables = [table.assign(model=name)]
    between = _between_models(results, {name: spec.resolve(runs) for name, spec in specs.items()})
    if between is not None:
        tables.append(between)
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def _between_models(results: Results, specs: Mapping[str, ModelSpec]) -> pd.DataFrame | None:
    """Return what models add to those that are part of them, and warn of models left out."""
    nested, parts = nested_models(specs), None
    if len(nested) > 1:
        with suppress(UsageError):  # none of them lacks one part alone
            parts = partition_variance(results, nested)
    left_out = list(specs) if parts is None else [name for name in specs if name not in nested]
    if len(specs) > 1 and left_out:
        warnings.warn(
            f"parts of the variance between models leave out {', '.join(left_out)}: they need a "
            "model with all that the others have, of the same kinds and options, and those that "
            "lack one part of it",
            stacklevel=3,
        )
    return None if parts is None else parts.assign(model=list(nested)[-1], measure="unique")


def interval_table_of(
    config: Config,
    name: str,
    estimator: DRMRegressor,
    runs: Sequence[Run],
    units: Units | None = None,
) -> pd.DataFrame | None:
    """Return intervals of the parameters of a fitted model, None where none were asked for.

    A model that has none to give, or data that do not suffice, are warned of: the other results of
    the participant stand.

    Parameters
    ----------
    config : Config
    name : str
        Of the model, for messages.
    estimator : DRMRegressor
        Fitted on the runs.
    runs : sequence of Run
    units : Units, optional
        Where intervals are kept, and refits on the way to them.
    """
    method = config.intervals
    if method == "none":
        return None
    seed = 0 if config.random_seed is None else config.random_seed
    try:
        return kept_table(
            units, name, "intervals", estimator, runs, (method, seed),
            lambda checkpoint: parameter_intervals(
                estimator, runs, method, random_state=seed, checkpoint=checkpoint
            ),
        )  # fmt: skip
    except (DataError, TrainingError, UsageError) as error:
        warnings.warn(f"no intervals of {name}: {error}", stacklevel=2)
        return None
