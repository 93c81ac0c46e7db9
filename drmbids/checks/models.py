"""Models: every name, size and delay against the data."""

from drmbids.checks.inspection import Inspection, told_by
from drmbids.core.exceptions import DataError, ModelError
from drmbids.spec.default import default_model

_REMEDY = "correct the model file, or choose other data"


def check_models(inspection: Inspection) -> None:
    """Resolve each model with the runs that can be used."""
    if not inspection.runs:
        return
    runs = list(inspection.runs.values())
    for name, spec in (inspection.request.models or {"default": default_model(runs)}).items():
        try:
            spec.resolve(runs)
        except ModelError as error:
            texts = error.problems
        except DataError as error:
            texts = [str(error)]
        else:
            texts = []
        inspection.add([told_by("MD02", f"model {name}", text, _REMEDY) for text in texts])
