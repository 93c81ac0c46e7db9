"""The sections of a projection: weights, plasticity, synapse and connectome."""

from typing import Annotated, Any, Literal

from pydantic import Field

from drmbids.brain.modelfile.section import (
    PRIORS,
    WEIGHT_PRIOR,
    AsTuple,
    OpenPart,
    Part,
    PriorSpecs,
    WeightPriorSpec,
)
from drmbids.data.runs.time import ticks_around

#: A matrix ``[to][from]``.
Matrix = Annotated[
    tuple[Annotated[tuple[float, ...], Field(min_length=1), AsTuple], ...],
    Field(min_length=1),
    AsTuple,
]


class WeightsSpec(OpenPart):
    """Weights of a projection: their kind, and the options of their kind."""

    kind: str = Field(description="Kind of weights.")
    units: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Units that arrive; as many as the target has when absent."
    )
    weight_prior: WeightPriorSpec | None = Field(default=None, description=WEIGHT_PRIOR)


class SynapseSpec(OpenPart):
    """A synapse: its kind, and the options of its kind."""

    kind: str = Field(description="Kind of synapse.")
    priors: PriorSpecs | None = Field(default=None, description=PRIORS)


class PlasticitySpec(OpenPart):
    """Short-term plasticity: its kind, and the options of its kind."""

    kind: str = Field(description="Kind of plasticity.")
    priors: PriorSpecs | None = Field(default=None, description=PRIORS)


class ConnectomeSpec(Part):
    """Tracts between the units of two populations, each as late as it is long.

    Matrices are ``[to][from]``. In a file they may be the names of text files of numbers, ``file``
    and ``lengths_file``, which are read when the model file is.
    """

    weights: Matrix = Field(description="Strength of each tract, 0 for none.")
    lengths_mm: Matrix = Field(description="Length of each tract in mm.")
    velocity_m_per_s: Annotated[float, Field(gt=0)] = Field(description="Conduction velocity.")
    velocity_min_m_per_s: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Lower limit of a velocity that is learned."
    )
    velocity_max_m_per_s: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Upper limit of a velocity that is learned."
    )
    strength: float = Field(default=1.0, description="Factor of all tracts.")
    interpolation: Literal["linear", "nearest"] = Field(
        default="linear",
        description="Between the two ticks around each delay, or the nearest tick, which is "
        "faster and has no gradient.",
    )
    trainable: Annotated[tuple[Literal["velocity", "strength", "weights"], ...], AsTuple] = Field(
        default=(), description="What training moves."
    )
    sign: Literal["free", "positive", "negative"] = Field(
        default="free", description="Sign of all weights, which training cannot change."
    )

    @property
    def shape(self) -> tuple[int, int]:
        """Units of the target and of the source."""
        return len(self.weights), len(self.weights[0])

    def instant(self, resolution: float | None) -> bool:
        """Return whether a tract can be without delay, 0 ticks, as far as is known."""
        pairs = zip(self.weights, self.lengths_mm, strict=False)
        lengths = [
            length for row, far in pairs for w, length in zip(row, far, strict=False) if w != 0
        ]
        fastest = self.velocity_max_m_per_s or self.velocity_m_per_s
        shortest = min(lengths, default=0.0) * 1e-3 / fastest
        if resolution is None:
            return not shortest
        if self.interpolation == "nearest":
            return round(shortest / resolution) == 0
        return ticks_around(shortest, resolution)[0] == 0

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :class:`~drmbids.Tracts`."""
        limits = {
            "velocity_min": self.velocity_min_m_per_s,
            "velocity_max": self.velocity_max_m_per_s,
        }
        return {
            "weights": [list(row) for row in self.weights],
            "lengths": [list(row) for row in self.lengths_mm],
            "velocity": self.velocity_m_per_s,
            **limits,
            "strength": self.strength,
            "interpolation": self.interpolation,
            "trainable": self.trainable,
            "sign": self.sign,
        }
