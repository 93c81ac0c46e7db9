"""ModelSpec: a model as a model file states it."""

from collections.abc import Sequence

from drmbids.brain.modelfile.build import build_net
from drmbids.brain.modelfile.resolve import resolve
from drmbids.brain.modelfile.script import write_script
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.modelfile.stated import StatedModel
from drmbids.brain.modelfile.write import write_yaml
from drmbids.brain.net.net import DRMNet
from drmbids.data.runs.run import Run


class ModelSpec(StatedModel):
    """A model in names and seconds, as a model file states it.

    The name ``each_region`` stands for a population for each region of the data, named like it,
    so that one file serves data of any atlas. In projections it stands for all of these; from
    ``each_region`` to ``each_region`` connects different regions. What is written for a name
    itself wins over what is written for ``each_region``.

    Parameters
    ----------
    schema_version : int
        Version of the format.
    name : str
        Name of the model in tables and reports.
    description : str, optional
        What the model is for.
    resolution_s : float or "auto"
        Seconds per tick; ``"auto"`` is the largest whole fraction of the repetition time that
        is not above 0.5 s and the shortest delay, divides fixed delays and suits brief events.
    stimuli : mapping of str to StimulusSpec
        What drives the model.
    populations : mapping of str to PopulationSpec
        Neural populations.
    projections : sequence of ProjectionSpec
        Who sends to whom, after what delay.
    readouts : mapping of str to ReadoutSpec, optional
        What is measured where that is several things, each with the regions that it predicts.
    readout : ReadoutSpec or None
        What is measured; None with ``readouts``.
    training : TrainingSpec
        How the model is trained.
    view : mapping of str to (float, float)
        Where editors draw things; no part of the model.

    Examples
    --------
    >>> from drmbids import default_model
    >>> spec = default_model()
    >>> spec.populations["each_region"].kind
    'leaky'
    """

    def resolve(self, data: Sequence[Run] | DataShape) -> "ModelSpec":
        """Return the model with every region, condition, size and delay written out.

        Parameters
        ----------
        data : sequence of Run, or DataShape

        Raises
        ------
        ModelError
            Listing all that the model asks for and the data lack.
        """
        return resolve(self, data)

    def build(self, data: Sequence[Run] | DataShape) -> DRMNet:
        """Return the net for the regions and stimuli of the data.

        Parameters
        ----------
        data : sequence of Run, or DataShape

        Raises
        ------
        ModelError
            If the data lack something that the model names, or options do not fit the sizes.
        """
        return build_net(self, data)

    def to_yaml(self) -> str:
        """Return the text of a model file, with comments, that reads back as an equal model."""
        return write_yaml(self)

    def to_python(self, data: Sequence[Run] | DataShape | None = None) -> str:
        """Return a Python script that builds the same net without a model file.

        Parameters
        ----------
        data : sequence of Run or DataShape, optional
            Data to build it for; needed where the model leaves something to the data.
        """
        return write_script(self, data)
