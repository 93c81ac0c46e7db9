"""What callers from Python give a comparison: of the right kind, or one line of what is wrong."""

from collections.abc import Mapping
from typing import Any

from drmbids.compare.crossvalidation.units import Units
from drmbids.data.tools.arguments import shortly, whole_number
from drmbids.data.tools.exceptions import UsageError


def check_comparison(
    models: Any, n_models_at_once: Any, n_jobs: Any, on_fold: Any, units: Any
) -> None:
    """Raise unless arguments of :func:`drmbids.compare_models` can be worked with.

    Parameters
    ----------
    models, n_models_at_once, n_jobs, on_fold, units
        As they were given.

    Raises
    ------
    UsageError
        Of the first that cannot.
    """
    if not isinstance(models, Mapping):
        raise UsageError(f"models must be a dict {{name: estimator}}, got {shortly(models)}")
    if not models:
        raise UsageError("no model to compare: give {name: estimator}")
    for name, model in models.items():
        if isinstance(model, type):
            raise UsageError(f"model {name!r} is a class: give an object, {model.__name__}()")
        if not (hasattr(model, "fit") and hasattr(model, "get_params")):
            raise UsageError(
                f"model {name!r} must be an estimator, as GLMBaseline() is, got {shortly(model)}"
            )
    whole_number("n_models_at_once", n_models_at_once, least=1)
    if n_jobs is not None and (n_jobs == 0 or whole_number("n_jobs", n_jobs, least=-(10**6)) == 0):
        raise UsageError("n_jobs must be a number of processes, or -1 for all cores, got 0")
    if on_fold is not None and not callable(on_fold):
        raise UsageError(f"on_fold must be a function of model, fold, i, n, got {shortly(on_fold)}")
    if units is not None and not isinstance(units, Units):
        raise UsageError(f"units must be Units(folder), got {shortly(units)}")
