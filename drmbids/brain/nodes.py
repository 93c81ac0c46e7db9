"""DRMNode: what populations, connections and readouts have in common."""

import math
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from drmbids.brain.parameters import ParameterSpec
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.estimation.constraints import Constraint
from drmbids.maths.estimation.weight_prior import DENSITIES, WeightPriorKind, log_density


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
        self._weight_prior: tuple[WeightPriorKind, float] | None = None
        self._weights_at_start: Tensor | None = None

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
        prior_mean: float | None = None,
        prior_sd: float | None = None,
    ) -> None:
        """Add a physical parameter.

        Parameters
        ----------
        name : str
            Name in the model file, tables and messages.
        value : float or Tensor
            Where training starts.
        unit, meaning, source : str
            See :class:`~drmbids.brain.parameters.ParameterSpec`.
        lower, upper : float, optional
            Exclusive limits.
        trainable : bool
            Whether training moves it.
        prior_mean, prior_sd : float, optional
            See :meth:`set_prior`.

        Raises
        ------
        ModelError
            If the name is taken, or the prior is none.
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
        self.set_prior(name, prior_mean, prior_sd)

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

    def set_prior(self, name: str, mean: float | None, sd: float | None) -> None:
        """Say what is known of a parameter before any data: a Gaussian, in the parameter's unit.

        The Gaussian is on the parameter itself, as papers report it, not on the free number that
        training moves; the limits cut it off. Each element has the same prior.

        Parameters
        ----------
        name : str
        mean, sd : float or None
            None and None take a prior away.

        Raises
        ------
        ModelError
            If one of the two is missing, the mean is beyond the limits, or the standard deviation
            is not positive.
        """
        spec = self._specs[name]
        where = f"{type(self).__name__}: prior of {name!r}"
        if (mean is None) != (sd is None):
            raise ModelError(f"{where}: got mean {mean} and sd {sd}; give both or none")
        if mean is not None and sd is not None:
            lower = -math.inf if spec.lower is None else spec.lower
            upper = math.inf if spec.upper is None else spec.upper
            if not (lower <= mean <= upper and math.isfinite(mean)):
                raise ModelError(f"{where}: mean {mean:g} must lie between {lower:g} and {upper:g}")
            if not (sd > 0 and math.isfinite(sd)):
                raise ModelError(f"{where}: sd {sd:g} must be positive")
        self._specs[name] = replace(spec, prior_mean=mean, prior_sd=sd)

    def weight_matrix(self) -> Tensor | None:
        """Return the weights that a prior may be set on, (n_to, n_from); None where none are."""
        return None

    def set_weight_prior(self, kind: WeightPriorKind, sd: float = 1.0) -> None:
        """Say how large the weights of a node are before any data, with a mean of 0.

        Parameters
        ----------
        kind : {"none", "normal", "laplace", "group", "start"}
            See :func:`drmbids.maths.estimation.weight_prior.log_density`: shrunk all alike, few
            weights, few units of the source, or shrunk towards the weights as they are now in place
            of 0. ``"none"`` takes a prior away.
        sd : float
            Standard deviation of a weight.

        Raises
        ------
        ModelError
            If the node has no weights, the kind is unknown, or the standard deviation is not
            positive.
        """
        where = f"{type(self).__name__}: prior of the weights"
        weights = self.weight_matrix()
        if weights is None:
            raise ModelError(f"{where}: it has no matrix of weights; leave it out")
        if kind != "none" and kind not in DENSITIES:
            raise ModelError(f"{where}: kind must be one of none, {', '.join(DENSITIES)}: {kind!r}")
        if not (sd > 0 and math.isfinite(sd)):
            raise ModelError(f"{where}: sd {sd:g} must be positive")
        self._weight_prior = None if kind == "none" else (kind, float(sd))
        self._weights_at_start = weights.detach().clone() if kind == "start" else None

    def log_prior_terms(self) -> list[Tensor]:
        """Return the logarithm of the prior density of each trained parameter that has a prior."""
        terms = [
            -((self.value(name) - spec.prior_mean) / spec.prior_sd).square().sum() / 2
            for name, spec in self._specs.items()
            if getattr(self, f"free_{name}").requires_grad
            and spec.prior_mean is not None
            and spec.prior_sd is not None
        ]
        if self._weight_prior is not None:
            with torch.enable_grad():  # fixed weights are known by having no gradient
                weights = self.weight_matrix()
            if weights is not None and weights.requires_grad:
                if self._weights_at_start is not None:
                    weights = weights - self._weights_at_start.to(weights)
                terms.append(log_density(weights, *self._weight_prior))
        return terms

    @property
    def parameter_specs(self) -> dict[str, ParameterSpec]:
        """Physical parameters of this node by name."""
        return dict(self._specs)

    def parameter_rows(self) -> list[dict[str, Any]]:
        """Return one row for each element of each physical parameter, those of parts included.

        Returns
        -------
        list of dict
            Keys ``parameter, index, value, unit, trainable, meaning, source, prior_mean,
            prior_sd``; the last two are NaN where there is no prior.
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
                            "prior_mean": math.nan if spec.prior_mean is None else spec.prior_mean,
                            "prior_sd": math.nan if spec.prior_sd is None else spec.prior_sd,
                        }
                    )
        return rows

    def set_resolution(self, resolution: float) -> None:
        """Set the seconds per tick of this node and its parts."""
        for part in self.modules():
            if isinstance(part, DRMNode):
                part.resolution = resolution


def log_prior(module: nn.Module) -> Tensor | None:
    """Return the logarithm of the prior density of all trained parameters of a module's nodes.

    Parameters
    ----------
    module : Module
        A node, or a net of nodes.

    Returns
    -------
    Tensor or None
        ``-sum(((value - prior_mean) / prior_sd) ** 2) / 2`` and what priors of weights add, up to a
        constant, with a gradient for the parameters; None where no trained parameter has a prior.

    Examples
    --------
    >>> node = DRMNode()
    >>> node.add_parameter("delay", 7.0, unit="s", prior_mean=6.0, prior_sd=0.5)
    >>> log_prior(node).item()
    -2.0
    """
    nodes = (part for part in module.modules() if isinstance(part, DRMNode))
    terms = [term for node in nodes for term in node.log_prior_terms()]
    return torch.stack(terms).sum() if terms else None
