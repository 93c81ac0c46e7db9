"""NetParts: what a net is made of, as its checks and tables see it."""

from typing import cast

from torch import nn

from drmbids.brain.net.engine import Afferent, LoopRunner
from drmbids.brain.net.graph import Stage
from drmbids.brain.net.readouts import AnyReadout
from drmbids.brain.populations.base import DRMPopulation


class NetParts(nn.Module):
    """Names, populations, connections, readout and order of computation of a net.

    Modules that check, order and describe a net take this; :class:`~drmbids.DRMNet` makes the
    parts, one after the other, and runs them.
    """

    #: Seconds per tick.
    resolution: float
    population_names: tuple[str, ...]
    populations: nn.ModuleList
    connections: nn.ModuleList
    readout: AnyReadout
    #: Columns of each stimulus, by name.
    stimuli: dict[str, tuple[str, ...]]
    #: What arrives at each population.
    afferents: list[list[Afferent]]
    #: Loops and single populations in the order that they are computed in.
    stages: list[Stage]
    #: Stages that run in a way of their own, by their members.
    groups: dict[tuple[int, ...], LoopRunner]

    @property
    def population_list(self) -> list[DRMPopulation]:
        """The populations, in order."""
        return cast(list[DRMPopulation], list(self.populations))

    @property
    def stimulus_names(self) -> tuple[str, ...]:
        """Names of the stimuli, in order."""
        return tuple(self.stimuli)
