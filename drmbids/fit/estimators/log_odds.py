"""The model of log odds that a classifier is made of, and what it is by default."""

from collections.abc import Sequence
from typing import ClassVar

from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.parts import ReadoutSpec, TrainingSpec
from drmbids.brain.readouts import READOUTS
from drmbids.brain.readouts.choice import Choice
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators.drm import DEFAULTS, DRMRegressor
from drmbids.fit.estimators.given_net import GivenNet
from drmbids.fit.training.together import Fit

#: Seconds per tick of the default model: decisions take a few hundred milliseconds.
RESOLUTION = 0.1


def default_choice_model(runs: Sequence[Run]) -> ModelSpec:
    """Return the model of choices that is used when none is given.

    One population, named like the response, driven by all stimuli, and read out by
    :class:`~drmbids.Choice`.

    Parameters
    ----------
    runs : sequence of Run
    """
    readout = ReadoutSpec(kind=READOUTS.name_of(Choice))
    changes = {"resolution_s": RESOLUTION, "readout": readout, "training": TrainingSpec()}
    return default_model(runs).model_copy(update=changes)


class LogOdds(DRMRegressor):
    """Trains log odds of choices by gradient; options are those of :class:`DRMRegressor`."""

    _default_model = staticmethod(default_choice_model)
    # maps start at zero and are not solved: they need more, and larger, steps
    _defaults: ClassVar = {**DEFAULTS, "n_epochs": 150, "learning_rate": 0.05}

    def _stated_model(self, runs: Sequence[Run]) -> ModelSpec | GivenNet:
        spec = super()._stated_model(runs)
        if isinstance(spec, GivenNet):
            return spec  # what its readout measures is known once it is built
        kinds = ", ".join(part.kind for part in spec.readout_parts.values())
        if kinds != READOUTS.name_of(Choice):
            raise UsageError(f"choices need a model with one readout of kind choice, not {kinds}")
        return spec

    def _build(self, runs: Sequence[Run], label: str = "") -> list[Fit]:
        fits = super()._build(runs, label)
        if not isinstance(self.net_.readout, Choice):
            found = type(self.net_.readout).__name__
            raise UsageError(f"choices need a net whose readout is Choice, not {found}")
        return fits
