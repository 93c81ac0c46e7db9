"""Models: every name, size and delay against the data."""

from collections.abc import Iterator

from drmbids.bids.problems import Problem
from drmbids.checks.inspection import Inspection, told_by
from drmbids.core.exceptions import DataError, ModelError
from drmbids.readouts import READOUTS
from drmbids.spec.default import default_model
from drmbids.spec.model import ModelSpec

_REMEDY = "correct the model file, or choose other data"


def check_models(inspection: Inspection) -> None:
    """Resolve each model with the runs that can be used."""
    if not inspection.runs:
        return
    runs = list(inspection.runs.values())
    for name, spec in (inspection.request.models or {"default": default_model(runs)}).items():
        inspection.add(list(_unlike_images(name, spec)))
        try:
            spec.resolve(runs)
        except ModelError as error:
            texts = error.problems
        except DataError as error:
            texts = [str(error)]
        else:
            texts = []
        inspection.add([told_by("MD02", f"model {name}", text, _REMEDY) for text in texts])


def _unlike_images(name: str, spec: ModelSpec) -> Iterator[Problem]:
    """Yield each readout of something else than the voxels of BOLD images, which are the data."""
    kinds = [kind for kind, readout in READOUTS.items() if readout.measures == "bold"]
    for part in spec.readout_parts.values():
        measures = READOUTS[part.kind].measures
        if measures not in ("", "bold"):
            yield Problem(
                "MD02",
                f"model {name}",
                f"the readout {part.kind} is of {measures}, the data are BOLD images",
                f"use one of: {', '.join(kinds)}",
            )
