"""The sections of a model file: names refer to names, quantities carry their unit in the key."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from drmbids.brain.modelfile.connection_parts import (
    ConnectomeSpec,
    PlasticitySpec,
    SynapseSpec,
    WeightsSpec,
)
from drmbids.brain.modelfile.section import (
    PRIORS,
    WEIGHT_PRIOR,
    AsTuple,
    Name,
    Names,
    OpenPart,
    Part,
    PriorSpecs,
    WeightPriorSpec,
)
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.time import ticks_around

#: Units that ``units: auto`` gives: for each stimulus column one unit for each of the three default
#: time constants of leaky units, but never fewer or more than these.
UNITS_PER_COLUMN, FEWEST_UNITS, MOST_UNITS = 3, 8, 64

#: The name that stands for the population of each region of the data; see :class:`ModelSpec`.
EACH_REGION = "each_region"


class StimulusSpec(Part):
    """A stimulus: which conditions of it the model sees."""

    conditions: Literal["all"] | Names = Field(
        default="all",
        description="Conditions (trial types) of events, or columns of a sampled stimulus; "
        "'all' takes those that the data have.",
    )
    modulators: Literal["all"] | Names | None = Field(
        default=None,
        description="Columns of numbers in the events files that are columns beside the "
        "conditions; 'all' takes those that were read.",
    )

    @property
    def named_modulators(self) -> tuple[str, ...]:
        """The modulators that are named one by one."""
        return () if self.modulators in (None, "all") else tuple(self.modulators)


class PopulationSpec(OpenPart):
    """A population: its kind, its size, and the options of its kind."""

    kind: str = Field(description="Kind of population.")
    units: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        default="auto",
        description="Number of units; 'auto' is three for each stimulus column that reaches it, "
        "at least 8 and at most 64.",
    )
    priors: PriorSpecs | None = Field(default=None, description=PRIORS)
    weight_prior: WeightPriorSpec | None = Field(default=None, description=WEIGHT_PRIOR)


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
    conditions: Literal["all"] | Names | None = Field(
        default=None,
        description="Conditions or columns of the stimulus that drive the target, as the C matrix "
        "of DCM; default: all.",
    )
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
    weights: WeightsSpec | None = Field(
        default=None,
        description="Weights of the projection; the activity arrives as it is when absent.",
    )
    plasticity: PlasticitySpec | None = Field(
        default=None, description="Short-term depression and facilitation."
    )
    synapse: SynapseSpec | None = Field(
        default=None, description="Shape of the response to what arrives; immediate when absent."
    )
    dale: Literal["excitatory", "inhibitory"] | Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="Dale's law: the sign of what units of the source do, or the share of them, "
        "the first ones, that are excitatory.",
    )
    connectome: ConnectomeSpec | None = Field(
        default=None,
        description="Tracts between units, each as late as it is long, in place of a delay.",
    )
    priors: PriorSpecs | None = Field(default=None, description=PRIORS)

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
        if self.connectome is not None:
            return self.connectome.instant(resolution)
        if self.delay_min_s is None:
            return not self.delay_s and not self.delay_ticks
        return not self.delay_min_s or (
            resolution is not None and ticks_around(self.delay_min_s, resolution)[0] == 0
        )

    def conduction(self, resolution: float) -> dict[str, Any]:
        """Return all that is said of the delay, in seconds and without what is not said."""
        said = {"delay_min_s": self.delay_min_s, "delay_max_s": self.delay_max_s}
        said |= {"trainable": self.trainable, "priors": self.priors}
        said |= {} if self.connectome is not None else {"delay_s": self.seconds(resolution)}
        return {key: value for key, value in said.items() if value is not None}

    def transmission(self) -> dict[str, Any]:
        """Return what is said of weights, synapses and tracts, without what is not said."""
        names = ("weights", "plasticity", "synapse", "dale", "connectome")
        said = {name: getattr(self, name) for name in names}
        said["conditions"] = self.named_conditions or None
        return {name: value for name, value in said.items() if value is not None}

    @property
    def named_conditions(self) -> tuple[str, ...]:
        """The conditions that are named one by one; none where all drive the target."""
        return () if self.conditions in (None, "all") else tuple(self.conditions)

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
    priors: PriorSpecs | None = Field(default=None, description=PRIORS)


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


class LossSpec(OpenPart):
    """A loss: its kind, and the options of its kind; `loss: poisson` is `loss: {kind: poisson}`."""

    kind: str = Field(description="Kind of loss.")


def _by_name(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class ReadoutSpec(OpenPart):
    """What is measured: hemodynamics, regions, loss, drift and confounds."""

    kind: str = Field(default="bold", description="Kind of readout.")
    hrf: HRFSpec | None = Field(
        default=None, description="Hemodynamic response; the readout's own default when absent."
    )
    priors: PriorSpecs | None = Field(default=None, description=PRIORS)
    regions: Annotated[dict[Name, Literal["all"] | Names], Field(min_length=1)] | None = Field(
        default=None,
        description="Populations that feed each region (response) it predicts, or 'all'. When "
        "absent each region is fed by the population of its name, and the only region by all "
        "populations if none has its name; one of several readouts has to say it.",
    )
    loss: Annotated[LossSpec, BeforeValidator(_by_name)] | None = Field(
        default=None,
        description="What it is trained for; the loss that suits its kind when absent.",
    )
    weight: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="Weight of its loss among those of several readouts, else 1."
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

    n_epochs: Annotated[int, Field(ge=1)] | Literal["auto"] | None = Field(
        default=None,
        description="Epochs; auto: as many as serve parts of the training data best that are left "
        "out in turn.",
    )
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
    maps: Literal["solved", "evidence", "trained"] | None = Field(
        default=None,
        description="How maps to targets are found: solved by ridge in every epoch, with a penalty "
        "for each target; averaged over how strong they may be, by the evidence, which all else is "
        "then trained for; or trained by gradient like the rest, from zero.",
    )
    n_starts: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Seeds to start from; the fit with the lowest objective is kept.",
    )
    finish: Literal["auto", "lbfgs", "none"] | None = Field(
        default=None,
        description="'lbfgs' goes on from the best epoch to a minimum nearby, for models of few "
        "parameters; 'auto', the default, where there may be several minima.",
    )
    n_finish_passes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Passes over the data that the finish may take."
    )
    stacking: Literal["linear", "none"] | None = Field(
        default=None,
        description="'linear' averages predictions with those of a linear model, with weights that "
        "predict left-out parts of the training data best; 'none' when absent.",
    )
