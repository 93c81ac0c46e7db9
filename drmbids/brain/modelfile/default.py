"""The model that is used when none is given, and the template of a new model file."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from drmbids.brain.modelfile.load import parse_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.parts import EACH_REGION, ProjectionSpec, StimulusSpec
from drmbids.brain.modelfile.shape import DataShape
from drmbids.data.runs.run import Run


def new_model_text() -> str:
    """Return the text of a new model file: the default model, with comments on what can be changed.

    Returns
    -------
    str
        YAML 1.2.
    """
    return files("drmbids.brain.modelfile").joinpath("template.yaml").read_text(encoding="utf-8")


@cache
def _template() -> ModelSpec:
    # read once: each fit of the default model asks for it
    return parse_model(new_model_text(), "template.yaml")


def default_model(runs: Sequence[Run] | DataShape | None = None) -> ModelSpec:
    """Return the model that is used when none is given.

    One population for each region, driven by all stimuli and by all other regions one tick ago,
    read out through a double-gamma hemodynamic response that is trained.

    Parameters
    ----------
    runs : sequence of Run, or DataShape, optional
        Data whose stimuli it takes; the events alone when absent.

    Returns
    -------
    ModelSpec

    Examples
    --------
    >>> [projection.label for projection in default_model().projections]
    ['events -> each_region', 'each_region -> each_region']
    """
    spec = _template().model_copy(deep=True)
    if runs is None:
        return spec
    shape = DataShape.of(runs)
    stimuli = shape.stimuli
    driven = [ProjectionSpec(**{"from": name, "to": EACH_REGION}) for name in stimuli]
    rest = [p for p in spec.projections if p.source not in spec.stimuli]
    return spec.model_copy(
        update={
            "stimuli": {
                name: StimulusSpec(modulators="all" if name in shape.modulators else None)
                for name in stimuli
            },
            "projections": (*driven, *rest),
        }
    )
