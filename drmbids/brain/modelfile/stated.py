"""StatedModel: what a model file states, and nothing that is made of it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from drmbids.brain.modelfile.parts import (
    AsTuple,
    Name,
    Part,
    PopulationSpec,
    ProjectionSpec,
    ReadoutSpec,
    StimulusSpec,
    TrainingSpec,
)
from drmbids.brain.modelfile.section import Position
from drmbids.brain.modelfile.upgrade import SCHEMA_VERSION
from drmbids.data.runs.align import ONLY


class StatedModel(Part):
    """The sections of a model file.

    Modules that resolve, check, build and write a model take this; users have
    :class:`~drmbids.ModelSpec`, which calls them and describes the sections.
    """

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)] = Field(
        description="Version of this format."
    )
    name: Name = Field(default="drm", description="Name of the model in tables and reports.")
    description: str | None = Field(default=None, description="What the model is for.")
    resolution_s: Literal["auto"] | Annotated[float, Field(gt=0)] = Field(
        default="auto",
        description="Seconds per tick; 'auto' is the largest whole fraction of the repetition "
        "time that is not above 0.5 s and the shortest delay, divides fixed delays, and is 0.25 s "
        "or less, or twice the shortest event, where events are brief.",
    )
    stimuli: Annotated[dict[Name, StimulusSpec], Field(min_length=1)]
    populations: Annotated[dict[Name, PopulationSpec], Field(min_length=1)]
    projections: Annotated[tuple[ProjectionSpec, ...], AsTuple]
    readouts: Annotated[dict[Name, ReadoutSpec], Field(min_length=1)] | None = Field(
        default=None,
        description="What is measured, by name, where that is several things: readouts of the same "
        "populations, each with its `regions`, `loss` and `weight`; in place of `readout`.",
    )
    readout: ReadoutSpec | None = Field(
        default=None,
        description="What is measured: hemodynamics, regions, loss, drift and confounds.",
    )
    training: TrainingSpec = TrainingSpec()
    view: dict[str, Position] = Field(default={}, description="Where editors draw things.")

    @model_validator(mode="before")
    @classmethod
    def _with_a_readout(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("readout") is data.get("readouts") is None:
            return {**data, "readout": {}}
        return data

    @property
    def readout_parts(self) -> dict[str, ReadoutSpec]:
        """The readouts by name; that of the only one is empty."""
        only = {} if self.readout is None else {ONLY: self.readout}
        return only | (self.readouts or {})
