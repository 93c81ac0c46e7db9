"""What all sections of a model file are: strict, frozen, and open for options where they say so."""

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


class PriorSpec(Part):
    """A Gaussian prior on a parameter, in the unit of its key."""

    mean: float = Field(description="Mean.")
    sd: Annotated[float, Field(gt=0)] = Field(description="Standard deviation.")


#: Priors of a component by the key of the parameter.
PriorSpecs = dict[Name, PriorSpec | Literal["none"]]


class WeightPriorSpec(Part):
    """What is known of weights before any data, with a mean of 0."""

    kind: Literal["normal", "laplace", "group", "start"] = Field(
        description="normal: all are small. laplace: few are large. group: few units of the source "
        "have any. start: all are near what they start from, in place of 0."
    )
    sd: Annotated[float, Field(gt=0)] = Field(description="Standard deviation of a weight.")


WEIGHT_PRIOR = "Prior of the weights (`{kind: laplace, sd: 0.1}`)."

PRIORS = (
    "Gaussian priors by parameter, with its unit in the key (`tau_s: {mean: 1, sd: 0.5}`); "
    "none takes a default prior away."
)
