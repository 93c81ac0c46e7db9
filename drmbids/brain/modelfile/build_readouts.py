"""The readouts of a resolved model to those of a net."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drmbids.brain.losses import LOSSES
from drmbids.brain.modelfile.connect import Call, made
from drmbids.brain.modelfile.options import HRF_SIZES, LOSS_SIZES, READOUT_SIZES, arguments
from drmbids.brain.modelfile.parts import ReadoutSpec
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.net.readouts import AnyReadout, Readouts
from drmbids.brain.readouts import HRFS, READOUTS
from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.runs.align import ONLY


@dataclass(frozen=True)
class ReadoutPlan:
    """All that is needed to write down a readout, in names and numbers.

    Parameters
    ----------
    component : type
        Its class.
    arguments : dict of str to object
        Parts are :class:`Call`.
    loss : Call or None
        Where the model states one.
    weight : float
        Of the loss among those of several readouts.
    """

    component: type[DRMReadout]
    arguments: dict[str, Any]
    loss: Call | None
    weight: float

    @classmethod
    def of(cls, part: ReadoutSpec, units: Mapping[str, int], shape: DataShape) -> "ReadoutPlan":
        """Return the plan of a resolved readout of populations of so many units."""
        component, populations, regions = READOUTS[part.kind], list(units), part.regions or {}
        n_targets = [shape.regions[region] for region in regions]
        options = {
            "n_units": list(units.values()),
            "n_targets": n_targets,
            "sources": [[populations.index(name) for name in line] for line in regions.values()],
            "regions": list(regions),
            "n_confounds": len(shape.confounds or ()) if part.confounds == "shared" else 0,
            **arguments(component, READOUT_SIZES, part.options),
            "nuisance": part.nuisance(),
        }
        if part.hrf is not None:
            sizes = {"n_regions": len(regions) if part.hrf.per_region else 1}
            kind = HRFS[part.hrf.kind]
            options["hrf"] = Call(kind, sizes | arguments(kind, HRF_SIZES, part.hrf.options))
        weight = 1.0 if part.weight is None else part.weight
        return cls(component, options, _loss(part, sum(n_targets)), weight)

    @property
    def n_targets(self) -> dict[str, int]:
        """Targets of each region."""
        return dict(zip(self.arguments["regions"], self.arguments["n_targets"], strict=True))

    def build(self) -> DRMReadout:
        """Return the readout."""
        readout = self.component(**made(self.arguments))
        if self.loss is not None:
            readout.objective = self.loss.component(**self.loss.arguments)
        return readout


def _loss(part: ReadoutSpec, n_targets: int) -> Call | None:
    if part.loss is None:
        return None
    kind = LOSSES[part.loss.kind]
    known = inspect.signature(kind).parameters
    sizes = {"n_targets": n_targets} if "n_targets" in known else {}
    return Call(kind, sizes | arguments(kind, LOSS_SIZES, part.loss.options))


def build_readouts(plans: Mapping[str, ReadoutPlan]) -> AnyReadout:
    """Return the readout of a net, or its several readouts.

    Parameters
    ----------
    plans : mapping of str to ReadoutPlan
        By name; that of an only one is empty.
    """
    built = {name: plan.build() for name, plan in plans.items()}
    if ONLY in built:
        return built[ONLY]
    return Readouts(built, {name: plan.weight for name, plan in plans.items()})
