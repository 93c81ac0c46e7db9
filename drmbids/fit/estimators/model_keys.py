"""Keys of a model file as parameters of an estimator: ``set_params(model__...=...)``."""

from collections.abc import Mapping
from typing import Any, Self

from drmbids.brain.modelfile.load import as_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators.given_net import is_given

_PREFIX = "model__"


class ModelKeys:
    """Lets searches vary what the model file of an estimator states; its parameter is ``model``."""

    model: Any

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the estimator, or keys of its model file.

        Parameters
        ----------
        **params
            As in scikit-learn. ``model__populations__V1__tau_s=2.0`` is the key
            ``populations: V1: tau_s``; ``model__projections__0__delay_s`` that of the first
            projection. ``model`` is a :class:`~drmbids.ModelSpec` then, and the file stays as it
            is.

        Returns
        -------
        self

        Raises
        ------
        UsageError
            If the estimator has no model file, or no such part of one.
        ModelError
            If the changed model is faulty.
        """
        keys = {k.removeprefix(_PREFIX): v for k, v in params.items() if k.startswith(_PREFIX)}
        rest = {k: v for k, v in params.items() if not k.startswith(_PREFIX)}
        super().set_params(**rest)  # type: ignore[misc]
        if keys:
            self.model = with_keys(self.model, keys)
        return self


def with_keys(model: Any, keys: Mapping[str, Any]) -> ModelSpec:
    """Return a model with other values of some of its keys.

    Parameters
    ----------
    model : str, Path, mapping or ModelSpec
    keys : mapping of str
        Values by the path of their key, its parts joined by ``__``; places in a list count from 0.

    Raises
    ------
    UsageError
        If ``model`` is no model file, or a path leads nowhere.
    ModelError
        If the changed model is faulty.

    Examples
    --------
    >>> from drmbids.brain.modelfile.default import default_model
    >>> with_keys(default_model(), {"populations__each_region__units": 3}).populations[
    ...     "each_region"
    ... ].units
    3
    """
    if model is None or is_given(model):
        what = "no model file is given" if model is None else "a net made by hand has no keys"
        remedy = (
            "DRMRegressor(model=drmbids.default_model(runs)) takes that of the data"
            if model is None
            else "let a function of runs make the net, and give it other arguments"
        )
        raise UsageError(f"{_PREFIX}{next(iter(keys))}: {what}; {remedy}")
    data = as_model(model).model_dump(mode="json", by_alias=True, exclude_none=True)
    for path, value in keys.items():
        *above, last = path.split("__")
        part: Any = data
        for name in above:
            part = _part(part, name, path)
            if not isinstance(part, dict | list):
                raise UsageError(f"{_PREFIX}{path}: {name!r} is a value, not a part of the model")
        if isinstance(part, list):
            part[_place(part, last, path)] = value
        else:
            part[last] = value
    return as_model(data)


def _part(part: Any, name: str, path: str) -> Any:
    """Return a part of the data of a model file; a section that it leaves out is begun."""
    if isinstance(part, list):
        return part[_place(part, name, path)]
    return part.setdefault(name, {})


def _place(items: list[Any], name: str, path: str) -> int:
    if not name.isdecimal() or int(name) >= len(items):
        raise UsageError(f"{_PREFIX}{path}: give a number from 0 to {len(items) - 1}, got {name!r}")
    return int(name)
