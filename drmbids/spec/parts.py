"""The sections of a model file: names refer to names, quantities carry their unit in the key."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from drmbids.core.nuisance import Nuisance
from drmbids.core.time import ticks_around

#: Units that ``units: auto`` gives: for each stimulus column one unit for each of the three default
#: time constants of leaky units, but never fewer or more than these.
UNITS_PER_COLUMN, FEWEST_UNITS, MOST_UNITS = 3, 8, 64

#: The name that stands for the population of each region of the data; see :class:`ModelSpec`.
EACH_REGION = "each_region"


def _check_name(name: str) -> str:
    if not name.isprintable() or name != name.strip():
        raise PydanticCustomError(
            "name", "must be printable text with no blank at its start or end"
        )
    return name


def _list_to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


#: A name that the user gives to a stimulus, condition, population or region.
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check_name)]

#: Strict models refuse a list for a tuple, yet lists are all that YAML and JSON have.
AsTuple = BeforeValidator(_list_to_tuple)

#: One or more names.
Names = Annotated[tuple[Name, ...], Field(min_length=1), AsTuple]

Position = Annotated[tuple[float, float], AsTuple]


class Part(BaseModel):
    """A section of a model file: no unknown key, no conversion of types, no change afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class OpenPart(Part):
    """A section whose further keys are options of the component that its ``kind`` names."""

    model_config = ConfigDict(extra="allow")

    kind: str

    @property
    def options(self) -> dict[str, Any]:
        """Options of the component as the file gives them, units in the key."""
        return dict(self.model_extra or {})

    @model_serializer(mode="wrap")
    def _keep_options(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # an option that is null says something, unlike a key of ours that is null
        return {**handler(self), **self.options}


class StimulusSpec(Part):
    """A stimulus: which conditions of it the model sees."""

    conditions: Literal["all"] | Names = Field(
        default="all",
        description="Conditions (trial types) of events, or columns of a sampled stimulus; "
        "'all' takes those that the data have.",
    )


class PriorSpec(Part):
    """A Gaussian prior on a parameter, in the unit of its key."""

    mean: float = Field(description="Mean.")
    sd: Annotated[float, Field(gt=0)] = Field(description="Standard deviation.")


#: Priors of a component by the key of the parameter.
PriorSpecs = dict[Name, PriorSpec | Literal["none"]]

_PRIORS = (
    "Gaussian priors by parameter, with its unit in the key (`tau_s: {mean: 1, sd: 0.5}`); "
    "none takes a default prior away."
)


class PopulationSpec(OpenPart):
    """A population: its kind, its size, and the options of its kind."""

    kind: str = Field(description="Kind of population.")
    units: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        default="auto",
        description="Number of units; 'auto' is three for each stimulus column that reaches it, "
        "at least 8 and at most 64.",
    )
    priors: PriorSpecs | None = Field(default=None, description=_PRIORS)


class GateSpec(Part):
    """What modulates a projection: a stimulus, some of its conditions, or a population."""

    by: Name = Field(description="A stimulus or a population.")
    conditions: Literal["all"] | Names = Field(
        default="all", description="Conditions or columns of the stimulus that modulate."
    )
    per_unit: bool = Field(
        default=False,
        description="Whether each unit that arrives has a gain of its own, not the projection one.",
    )
    delay_s: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Delay from the modulator in seconds; a tick or more if it is in a loop.",
    )


class ProjectionSpec(Part):
    """A projection: from a stimulus or population to a population, with a delay or without."""

    source: Name = Field(alias="from", description="A stimulus or a population.")
    target: Name = Field(alias="to", description="A population.")
    delay_s: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="Conduction delay in seconds, a whole number of ticks unless it has limits.",
    )
    delay_ticks: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Conduction delay in ticks, in place of delay_s."
    )
    delay_min_s: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="Lower limit of a delay that is learned, in seconds; a tick or more in a loop.",
    )
    delay_max_s: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Upper limit of a delay that is learned, in seconds."
    )
    trainable: bool | None = Field(
        default=None,
        description="Whether training moves a delay that has limits; it does when absent.",
    )
    gated_by: Annotated[tuple[GateSpec, ...], Field(min_length=1), AsTuple] | None = Field(
        default=None,
        description="What modulates the projection, as the B matrix of DCM: it is multiplied by 1 "
        "plus learned gains times the modulators.",
    )
    priors: PriorSpecs | None = Field(default=None, description=_PRIORS)

    @property
    def label(self) -> str:
        """The projection in messages: ``V1 -> FFA``."""
        return f"{self.source} -> {self.target}"

    @property
    def limited(self) -> bool:
        """Whether its delay has limits between which training can move it."""
        return self.delay_min_s is not None and self.delay_max_s is not None

    def instant(self, resolution: float | None) -> bool:
        """Return whether it can be without delay, 0 ticks, as far as is known."""
        if self.delay_min_s is None:
            return not self.delay_s and not self.delay_ticks
        return not self.delay_min_s or (
            resolution is not None and ticks_around(self.delay_min_s, resolution)[0] == 0
        )

    def conduction(self, resolution: float) -> dict[str, Any]:
        """Return all that is said of the delay, in seconds and without what is not said."""
        said = {"delay_min_s": self.delay_min_s, "delay_max_s": self.delay_max_s}
        said |= {"trainable": self.trainable, "priors": self.priors}
        return {"delay_s": self.seconds(resolution)} | {
            key: value for key, value in said.items() if value is not None
        }

    @property
    def gates(self) -> tuple[GateSpec, ...]:
        """What modulates it; empty where nothing does."""
        return self.gated_by or ()

    def seconds(self, resolution: float) -> float:
        """Return the delay in seconds."""
        if self.delay_ticks is not None:
            return self.delay_ticks * resolution
        return self.delay_s or 0.0


class HRFSpec(OpenPart):
    """A hemodynamic response: its kind, and the options of its kind."""

    kind: str = Field(default="double_gamma", description="Kind of hemodynamic response.")
    per_region: bool = Field(
        default=False, description="Whether each region has a response of its own."
    )
    priors: PriorSpecs | None = Field(default=None, description=_PRIORS)


class PolynomialDrift(Part):
    """Slow drift as a polynomial in time, fitted in each run."""

    kind: Literal["polynomial"]
    order: Annotated[int, Field(ge=0)] = Field(default=2, description="Order of the polynomial.")


class CosineDrift(Part):
    """Slow drift as a discrete cosine set, fitted in each run."""

    kind: Literal["cosine"]
    high_pass_hz: Annotated[float, Field(gt=0)] = Field(default=0.01, description="Cut-off in Hz.")


class NoDrift(Part):
    """An intercept for each run, and no drift."""

    kind: Literal["none"]


Drift = Annotated[PolynomialDrift | CosineDrift | NoDrift, Field(discriminator="kind")]


class ReadoutSpec(OpenPart):
    """What is measured: hemodynamics, regions, drift and confounds."""

    kind: str = Field(default="bold", description="Kind of readout.")
    hrf: HRFSpec | None = Field(
        default=None, description="Hemodynamic response; the readout's own default when absent."
    )
    priors: PriorSpecs | None = Field(default=None, description=_PRIORS)
    regions: Annotated[dict[Name, Names], Field(min_length=1)] | None = Field(
        default=None,
        description="Populations that feed each region. When absent each region is fed by the "
        "population of its name, and the only region by all populations if none has its name.",
    )
    drift: Drift = Field(
        default=PolynomialDrift(kind="polynomial"), description="Slow drift, fitted in each run."
    )
    confounds: Literal["per_run", "shared", "none"] = Field(
        default="per_run",
        description="Confounds: fitted anew in each run, with weights that all runs share, or "
        "left out.",
    )

    def nuisance(self) -> Nuisance:
        """Return what is fitted in each run on its own."""
        options: dict[str, Any] = {"drift": self.drift.kind}
        if isinstance(self.drift, PolynomialDrift):
            options["order"] = self.drift.order
        elif isinstance(self.drift, CosineDrift):
            options["high_pass"] = self.drift.high_pass_hz
        options["confounds"] = self.confounds == "per_run"
        return Nuisance(**options)


class TrainingSpec(Part):
    """How the model is trained; what is absent is left to the estimator."""

    n_epochs: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Epochs.")
    learning_rate: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Of Adam."
    )
    window_s: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Seconds that gradients go back; a whole run when absent."
    )
    random_state: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Seed of the starting weights."
    )
    schedule: Literal["cosine", "constant"] | None = Field(
        default=None,
        description="Whether the learning rate falls to zero along half a cosine, or stays.",
    )
    maps: Literal["solved", "trained"] | None = Field(
        default=None,
        description="Whether maps to targets are solved by ridge in every epoch, or begin at zero "
        "and are trained by gradient like the rest.",
    )
