"""A whole brain in one loop: masses that hear each other through tracts, as machine code.

In blocks, 84 regions take one call for as many ticks as the shortest tract. A population that is
compiled (:class:`~drmbids.Mass`) and connected to itself by one :class:`~drmbids.Tracts` takes one
call a window; the result is the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.net.engine import Afferent
from drmbids.brain.net.graph import Stage
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.populations.mass import Mass
from drmbids.maths.loops.delay import Block, gather
from drmbids.maths.loops.unit_dynamics import Taps


@dataclass(frozen=True, eq=False)
class MassLoop:
    """A population of masses and its tracts to itself.

    Parameters
    ----------
    node : int
        The population.
    """

    node: int

    def run(
        self,
        n_ticks: int,
        afferents: Sequence[Sequence[Afferent]],
        populations: Sequence[Any],
        blocks: list[list[Block]],
        states: list[Any],
        receive: Callable[[Afferent, int, int], Tensor],
    ) -> None:
        """Run one window, appending to blocks and states.

        Parameters
        ----------
        n_ticks : int
            Ticks in the window.
        afferents : sequence of sequence of Afferent
            Inputs of each population of the net.
        populations : sequence of DRMPopulation
        blocks : list of list of Block
            Activity so far, for each population of the net.
        states : list
            State of each population of the net.
        receive : callable
            Gives what arrives over an afferent between two ticks.
        """
        mass, line = populations[self.node], blocks[self.node]
        *outside, inside = afferents[self.node]
        tracts = inside.connection
        assert isinstance(tracts, Tracts)  # make_mass_loop saw to it
        past = mass.sent(gather(line, -inside.longest, 0))
        arriving = [receive(a, 0, n_ticks) for a in outside]
        x = torch.cat(arriving, -1) if arriving else past.new_zeros(n_ticks, past.shape[1], 0)
        taps = Taps(*tracts.taps(), tracts.value("strength"), tracts(past))
        activity, states[self.node] = mass([x], states[self.node], taps)
        line.append(Block(0, n_ticks, activity))


def make_mass_loop(
    stage: Stage,
    afferents: Sequence[Sequence[Afferent]],
    populations: Sequence[DRMPopulation],
) -> MassLoop | None:
    """Return the runner of a stage, or None where it is no loop of compiled masses and tracts.

    Parameters
    ----------
    stage : Stage
    afferents : sequence of sequence of Afferent
        Inputs of each population of the net.
    populations : sequence of DRMPopulation

    Returns
    -------
    MassLoop or None
    """
    if stage.block is None or len(stage.members) > 1:
        return None
    node = next(iter(stage.members))
    mass = populations[node]
    inside = [a for a in afferents[node] if not a.is_stimulus and a.source == node]
    if not isinstance(mass, Mass) or not mass.compiled or not mass.coupled:
        return None
    # the coupling is the last input, and the only one that comes from the population itself
    if inside != afferents[node][-1:] or type(inside[0].connection) is not Tracts:
        return None
    if inside[0].gates or inside[0].connection.remembers:
        return None
    if any(a.depends_on([node]) for a in afferents[node][:-1]):  # gated by the masses themselves
        return None
    return MassLoop(node)
