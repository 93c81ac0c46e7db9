"""Draft: the parts of a model that can be checked although others are faulty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from drmbids.brain.modelfile.parts import (
    Part,
    PopulationSpec,
    ProjectionSpec,
    ReadoutSpec,
    StimulusSpec,
)
from drmbids.brain.modelfile.problems import Path, path_in
from drmbids.brain.modelfile.stated import StatedModel
from drmbids.data.runs.align import ONLY

P = TypeVar("P", bound=Part)


@dataclass(frozen=True)
class Draft:
    """The parts of a model, without their faulty keys; None in the place of what has no sense then.

    A fault must not hide others, so what can be checked is.

    Parameters
    ----------
    resolution : float or None
        Seconds per tick; None also where it follows from the data.
    stimuli, populations, projections
        As in :class:`~drmbids.ModelSpec`.
    readouts
        By name; that of ``readout`` is empty.
    """

    resolution: float | None
    stimuli: Mapping[str, StimulusSpec | None]
    populations: Mapping[str, PopulationSpec | None]
    projections: Sequence[ProjectionSpec | None]
    readouts: Mapping[str, ReadoutSpec | None]

    @classmethod
    def of_spec(cls, spec: StatedModel) -> "Draft":
        """Return the parts of a whole model."""
        resolution = None if spec.resolution_s == "auto" else spec.resolution_s
        return cls(resolution, spec.stimuli, spec.populations, spec.projections, spec.readout_parts)

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> "Draft":
        """Return what is well formed in the data of a model file."""

        def section(name: str, kind: type[P]) -> dict[str, P | None]:
            entries = data.get(name)
            if not isinstance(entries, Mapping):
                return {}
            return {key: _part(kind, value) for key, value in entries.items()}

        resolution = data.get("resolution_s")
        number = isinstance(resolution, int | float) and not isinstance(resolution, bool)
        projections = data.get("projections")
        if not isinstance(projections, list):
            projections = []
        readouts = section("readouts", ReadoutSpec)
        if "readout" in data or not readouts:
            readouts[ONLY] = _part(ReadoutSpec, data.get("readout") or {})
        return cls(
            float(resolution) if number and 0 < resolution < float("inf") else None,
            section("stimuli", StimulusSpec),
            section("populations", PopulationSpec),
            [_part(ProjectionSpec, entry) for entry in projections],
            readouts,
        )


def _part(kind: type[P], value: Any) -> P | None:
    """Return a part without those of its keys that are faulty, or None if it needs them."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        faulty = [path_in(value, entry["loc"], entry["type"]) for entry in error.errors()]
    try:
        part = kind.model_validate(_without(value, faulty))
    except ValidationError:
        return None
    if isinstance(part, ProjectionSpec):
        # a delay that cannot be read must not be reported as a missing one
        known = {"delay_s": None, "delay_ticks": 1, "trainable": None, "priors": None}
        # nor a faulty connectome as none
        gone = {"connectome": None, "delay_min_s": None, "delay_max_s": None}
        return part.model_copy(update={**known, **gone})
    return part


def _without(value: Any, paths: Sequence[Path], here: Path = ()) -> Any:
    """Return data without the keys at the paths; a list that has a faulty element goes whole."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: _without(entry, paths, (*here, key))
        for key, entry in value.items()
        if not any(
            path == (*here, key)
            or (path[: len(here) + 1] == (*here, key) and isinstance(entry, list))
            for path in paths
        )
    }
