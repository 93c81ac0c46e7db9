"""Parts of the explained variance, and intervals of parameters, as far as they were asked for."""

import warnings
from collections.abc import Mapping, Sequence

import pandas as pd

from drmbids.comparison.partition import partition_variance
from drmbids.comparison.parts import partition_conditions
from drmbids.core.exceptions import DataError, TrainingError, UsageError
from drmbids.core.results import Results
from drmbids.core.run import Run
from drmbids.estimators.drm import DRMRegressor
from drmbids.estimators.linear import LinearBaseline
from drmbids.inference.intervals import parameter_intervals
from drmbids.spec.model import ModelSpec
from drmbids.workflows.config import Config

COLUMNS = ("model", "measure", "part", "n_spaces", "region", "target", "r2")


def variance_table(
    config: Config,
    results: Results,
    runs: Sequence[Run],
    baseline: tuple[str, LinearBaseline],
    specs: Mapping[str, ModelSpec],
) -> pd.DataFrame | None:
    """Return the parts of explained variance, None where they were not asked for.

    Parameters
    ----------
    config : Config
    results : Results
        Of all compared models.
    runs : sequence of Run
    baseline : (str, LinearBaseline)
        Name of the linear model, and the model unfitted.
    specs : mapping of str to ModelSpec
        Model files by name.

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
    name, estimator = baseline
    table = partition_conditions(
        estimator, runs, config.variance_parts, config.cv, results.nuisance
    )
    tables = [table.assign(model=name)]
    nested = nested_models({name: spec.resolve(runs) for name, spec in specs.items()})
    if len(nested) > 1:
        try:
            parts = partition_variance(results, nested)
        except UsageError:
            warnings.warn(
                f"no parts of the variance between {list(nested)}: none has all that the others "
                "have, less one; give a model file that unites them",
                stacklevel=2,
            )
        else:
            largest = max(nested, key=lambda model: len(nested[model]))
            tables.append(parts.assign(model=largest, measure="unique"))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def nested_models(specs: Mapping[str, ModelSpec]) -> dict[str, list[str]]:
    """Return the spaces of each model: what the same models have is one space, named after them.

    Parameters
    ----------
    specs : mapping of str to ModelSpec
        Resolved. Models differ in populations, projections, their gates, or conditions; those that
        differ in nothing of these are left out.

    Examples
    --------
    >>> def spec(*projections):
    ...     return ModelSpec.model_validate({
    ...         "schema_version": 1, "name": "m", "stimuli": {"events": {"conditions": ["a"]}},
    ...         "populations": {"V1": {"kind": "leaky"}, "V2": {"kind": "leaky"}},
    ...         "projections": [{"from": a, "to": b} for a, b in projections],
    ...     })
    >>> small = spec(("events", "V1"), ("V1", "V2"))
    >>> large = spec(("events", "V1"), ("V1", "V2"), ("V2", "V1"))
    >>> nested_models({"forward": small, "loop": large})
    {'forward': ['forward, loop'], 'loop': ['forward, loop', 'loop']}
    """
    holds: dict[str, list[str]] = {}
    for name, spec in specs.items():
        for element in _elements(spec):
            holds.setdefault(element, []).append(name)
    spaces = list(dict.fromkeys(", ".join(dict.fromkeys(names)) for names in holds.values()))
    found: dict[str, list[str]] = {}
    for name in specs:
        own = [space for space in spaces if name in space.split(", ")]
        if own not in found.values():
            found[name] = own
    return found


def _elements(spec: ModelSpec) -> list[str]:
    """Return what a model is made of, in words."""
    found = [f"population {name}" for name in spec.populations]
    for name, stimulus in spec.stimuli.items():
        columns = stimulus.conditions
        names = [columns] if isinstance(columns, str) else columns
        found += [f"{name} {column}" for column in names]
    for projection in spec.projections:
        arrow = f"{projection.source} to {projection.target}"
        found.append(arrow)
        found += [f"{arrow} by {gate.by}" for gate in projection.gated_by or ()]
    return found


def interval_table_of(
    config: Config, name: str, estimator: DRMRegressor, runs: Sequence[Run]
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
    """
    if config.intervals == "none":
        return None
    seed = 0 if config.random_seed is None else config.random_seed
    try:
        return parameter_intervals(estimator, runs, config.intervals, random_state=seed)
    except (DataError, TrainingError, UsageError) as error:
        warnings.warn(f"no intervals of {name}: {error}", stacklevel=2)
        return None
