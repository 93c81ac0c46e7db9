"""A net made by hand in Python, in the place of a model file."""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.parts import TrainingSpec
from drmbids.brain.modelfile.problems import suggestion
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import by_name
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError

#: What a net can be given as: itself, or a function of the training runs that makes it.
NetSource = DRMNet | Callable[[Sequence[Run]], DRMNet]


class GivenNet:
    """A net, or a function that makes one for runs, with the face of a model file.

    Parameters
    ----------
    source : DRMNet, or callable
        A net is copied for each fit, so that fits start from the same values and leave it as it is.
        A callable takes the training runs and returns a net; it is called once for each start,
        after torch's random numbers were set to the start's seed.

    Raises
    ------
    UsageError
        If it is neither.

    Examples
    --------
    >>> from drmbids import BOLD, DRMConnection, DRMNet, Leaky
    >>> net = DRMNet([Leaky(2, 2)], ws=[DRMConnection()], Wp=[[None]],
    ...              readout=BOLD([2], [10], regions=["V1"]),
    ...              stimuli={"events": ["face", "house"]})
    >>> GivenNet(net).name
    'DRMNet'
    """

    #: A net made by hand states no settings of training; those of the estimator hold.
    training = TrainingSpec()
    description = None

    def __init__(self, source: NetSource):
        if not is_given(source):
            raise UsageError(
                "a model is a model file, a DRMNet, or a function of runs that returns one, got "
                f"{source!r}"
            )
        self.source = source

    @property
    def name(self) -> str:
        """Name of the function, or of the class of the net."""
        made = self.source if not isinstance(self.source, DRMNet) else type(self.source)
        return str(getattr(made, "__name__", type(made).__name__))

    def build(self, runs: Sequence[Run]) -> DRMNet:
        """Return a net for runs.

        Parameters
        ----------
        runs : sequence of Run

        Raises
        ------
        UsageError
            If the function returns something else.
        DataError
            If the runs lack a region or stimulus of the net, or have other numbers of targets.
        """
        if isinstance(self.source, DRMNet):
            net = copy.deepcopy(self.source)
        else:
            net = self.source(list(runs))
            if not isinstance(net, DRMNet):
                raise UsageError(f"{self.name} returned {type(net).__name__}, not a DRMNet")
        shape = DataShape.of(runs)
        check_targets(net, shape.regions)
        check_stimuli(net, shape.stimuli)
        return net


def check_targets(net: DRMNet, regions: Mapping[str, int]) -> None:
    """Raise :class:`DataError` where runs lack a region of a net, or have other targets in it.

    Parameters
    ----------
    net : DRMNet
    regions : mapping of str to int
        Targets of each region of the runs.
    """
    for part in by_name(net.readout).values():
        for region, n_targets in zip(part.regions, part.n_targets, strict=True):
            if region not in regions:
                raise DataError(
                    f"the runs have no region {region!r} of the net, they have {list(regions)}; "
                    "name the regions of its readout: BOLD(..., regions=[...])"
                )
            if regions[region] != n_targets:
                raise DataError(
                    f"region {region!r} has {regions[region]} targets in the runs, {n_targets} in "
                    "the net; make the net for these runs, by a function of runs"
                )


def check_stimuli(net: DRMNet, stimuli: Mapping[str, Sequence[str]]) -> None:
    """Raise where runs have nothing of a stimulus of a net, and warn where columns differ.

    Parameters
    ----------
    net : DRMNet
    stimuli : mapping of str to sequence of str
        Columns of each stimulus of the runs.
    """
    for name, columns in net.stimuli.items():
        there = stimuli.get(name)
        if there is None:
            raise DataError(
                f"the runs have no stimulus {name!r} of the net; {suggestion(name, stimuli)}; name "
                "its stimuli: DRMNet(..., stimuli={'events': ['face', 'house']})"
            )
        absent = [column for column in columns if column not in there]
        if len(absent) == len(columns):
            raise DataError(
                f"stimulus {name!r} has the columns {list(columns)} in the net, {list(there)} in "
                "the runs; name them alike: DRMNet(..., stimuli={'events': ['face', 'house']})"
            )
        left_out = [column for column in there if column not in columns]
        for some, what in (
            (absent, "in no run, so they are zero"),
            (left_out, "not columns of the net, so they predict nothing"),
        ):
            if some:
                text = f"columns {some} of stimulus {name!r} are {what}"
                warnings.warn(text, DataWarning, stacklevel=2)


def is_given(model: Any) -> bool:
    """Return whether a model is a net, or a function that makes one."""
    return isinstance(model, DRMNet) or (callable(model) and not isinstance(model, type))


def open_conditions(model: ModelSpec | GivenNet, net: DRMNet) -> dict[str, Sequence[str]]:
    """Return the columns of the stimuli of which a model did not choose some by name.

    Parameters
    ----------
    model : ModelSpec or GivenNet
    net : DRMNet
        Built from it.
    """
    if isinstance(model, GivenNet):
        return {}  # which columns a net takes is stated in it
    every = {name for name, stimulus in model.stimuli.items() if stimulus.conditions == "all"}
    return {name: columns for name, columns in net.stimuli.items() if name in every}
