"""What stands for the data where a model leaves something to them and there are none."""

from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.parts import EACH_REGION
from drmbids.brain.modelfile.shape import DataShape

_CONDITIONS, _REGIONS, _REPETITION_TIME = ("a", "b", "c"), ("V1", "V2"), 2.0


def conditions_of(spec: ModelSpec, stimulus: str) -> tuple[str, ...]:
    """Return the conditions of a stimulus, stand-ins where the model takes all of the data."""
    conditions = spec.stimuli[stimulus].conditions
    return _CONDITIONS if conditions == "all" else tuple(conditions)


def regions_of(spec: ModelSpec) -> tuple[str, ...]:
    """Return the regions that a model names, in the order of the file, else stand-ins."""
    named = [name for name in _named_regions(spec) or spec.populations if name != EACH_REGION]
    # one readout of several may read each region that the others do not name
    unnamed = not named or (spec.readouts is not None and EACH_REGION in _named_regions(spec))
    return (*(_REGIONS if unnamed else ()), *named)


def _named_regions(spec: ModelSpec) -> list[str]:
    """Return the regions under the readouts, none where they follow from the data."""
    return [region for part in spec.readout_parts.values() for region in part.regions or ()]


def shape_without_data(spec: ModelSpec) -> tuple[DataShape, list[str]]:
    """Return the shape of data that fit a model, one target in each region.

    Parameters
    ----------
    spec : ModelSpec

    Returns
    -------
    tuple of DataShape and list of str
        The shape, and one line for each thing in it that the model does not state.
    """
    regions = regions_of(spec)
    conditions = {name: conditions_of(spec, name) for name in spec.stimuli}
    modulators = {name: stimulus.named_modulators for name, stimulus in spec.stimuli.items()}
    guessed = [
        f"conditions of {name}: {', '.join(conditions[name])}"
        for name, stimulus in spec.stimuli.items()
        if stimulus.conditions == "all"
    ]
    if not _named_regions(spec) or EACH_REGION in _named_regions(spec):
        guessed.append(f"regions: {', '.join(regions)}")
    if spec.resolution_s == "auto":
        guessed.append(f"repetition time: {_REPETITION_TIME:g} s")
    if any(part.confounds == "shared" for part in spec.readout_parts.values()):
        guessed.append("confounds: none")
    shape = DataShape(
        dict.fromkeys(regions, 1),
        {name: (*conditions[name], *modulators[name]) for name in conditions},
        repetition_times=(_REPETITION_TIME,),
        modulators=modulators,
    )
    return shape, guessed
