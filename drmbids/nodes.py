"""DRMNode: what populations, connections and readouts have in common."""

from collections.abc import Mapping, Set
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from drmbids.core.exceptions import ModelError
from drmbids.core.parameters import ParameterSpec
from drmbids.functional.constraints import Constraint


class DRMNode(nn.Module):
    """A part of the brain model whose physical parameters have names, units and limits.

    A parameter added by :meth:`add_parameter` is trained as a free number and read, through
    :meth:`value`, within its limits. Weights without a unit are ordinary torch parameters.

    Attributes
    ----------
    resolution : float
        Seconds per tick. :class:`~drmbids.DRMNet` sets it on all its nodes.
    option_units : mapping of str to str
        Unit of each argument of ``__init__`` that has one. Model files carry it in the key: with
        ``{"tau": "s"}`` the argument ``tau`` is written ``tau_s``.
    start_only : set of str
        Attributes that say where training starts and nothing of what is computed: nodes that
        differ in them may be trained side by side.

    Examples
    --------
    >>> node = DRMNode()
    >>> node.add_parameter("tau", 0.5, unit="s", lower=0.0, meaning="time constant")
    >>> node.value("tau")
    tensor(0.5000, grad_fn=<AddBackward0>)
    >>> node.parameter_rows()[0]["unit"]
    's'
    """

    resolution: float = 0.1
    option_units: ClassVar[Mapping[str, str]] = {}
    start_only: ClassVar[Set[str]] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self._specs: dict[str, ParameterSpec] = {}
        self._constraints: dict[str, Constraint] = {}

    def add_parameter(
        self,
        name: str,
        value: float | Tensor,
        *,
        unit: str = "1",
        meaning: str = "",
        lower: float | None = None,
        upper: float | None = None,
        trainable: bool = True,
        source: str = "",
    ) -> None:
        """Add a physical parameter.

        Parameters
        ----------
        name : str
            Name in the model file, tables and messages.
        value : float or Tensor
            Where training starts.
        unit, meaning, source : str
            See :class:`~drmbids.core.parameters.ParameterSpec`.
        lower, upper : float, optional
            Exclusive limits.
        trainable : bool
            Whether training moves it.

        Raises
        ------
        ModelError
            If the name is taken.
        UsageError
            If the value is not within the limits.
        """
        if name in self._specs:
            raise ModelError(f"{type(self).__name__}: parameter {name!r} is there already")
        self._specs[name] = ParameterSpec(name, unit, meaning, lower, upper, trainable, source)
        self._constraints[name] = Constraint(lower, upper)
        free = self._constraints[name].inverse(
            torch.as_tensor(value, dtype=torch.get_default_dtype())
        )
        self.register_parameter(f"free_{name}", nn.Parameter(free.clone(), requires_grad=trainable))

    def value(self, name: str) -> Tensor:
        """Return a parameter within its limits, in its unit."""
        return self._constraints[name].forward(getattr(self, f"free_{name}"))

    @torch.no_grad()
    def set_value(self, name: str, value: float | Tensor) -> None:
        """Set a parameter, in its unit.

        Raises
        ------
        UsageError
            If the value is not within the limits.
        """
        free = getattr(self, f"free_{name}")
        target = torch.as_tensor(value, dtype=free.dtype, device=free.device).expand_as(free)
        free.copy_(self._constraints[name].inverse(target))

    @property
    def parameter_specs(self) -> dict[str, ParameterSpec]:
        """Physical parameters of this node by name."""
        return dict(self._specs)

    def parameter_rows(self) -> list[dict[str, Any]]:
        """Return one row for each element of each physical parameter, those of parts included.

        Returns
        -------
        list of dict
            Keys ``parameter, index, value, unit, trainable, meaning, source``.
        """
        rows = []
        for part_name, part in self.named_modules():
            if not isinstance(part, DRMNode):
                continue
            prefix = f"{part_name}." if part_name else ""
            for name, spec in part._specs.items():
                elements = part.value(name).detach().cpu().double().reshape(-1).tolist()
                for index, element in enumerate(elements):
                    rows.append(
                        {
                            "parameter": prefix + name,
                            "index": index,
                            "value": element,
                            "unit": spec.unit,
                            "trainable": spec.trainable,
                            "meaning": spec.meaning,
                            "source": spec.source,
                        }
                    )
        return rows

    def set_resolution(self, resolution: float) -> None:
        """Set the seconds per tick of this node and its parts."""
        for part in self.modules():
            if isinstance(part, DRMNode):
                part.resolution = resolution
