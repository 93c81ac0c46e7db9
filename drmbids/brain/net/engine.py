"""Running a schedule over one window of ticks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.carry import Carry, last_ticks
from drmbids.brain.net.graph import Stage
from drmbids.brain.populations.base import DRMPopulation
from drmbids.maths.loops.delay import Block, gather, past_block
from drmbids.maths.loops.fixed import Fixed


class LoopRunner(Protocol):
    """Runs the loop of a stage over one window."""

    def run(
        self,
        n_ticks: int,
        afferents: Sequence[Sequence["Afferent"]],
        populations: Sequence[Any],
        blocks: list[list[Block]],
        states: list[Any],
        receive: Callable[["Afferent", int, int], Tensor],
    ) -> None:
        """Append a window to ``blocks`` and update ``states`` for every member."""


@dataclass(frozen=True)
class Afferent:
    """One input of a population: where it comes from, how late, through which connection.

    A gate of a connection is an afferent too: what arrives over it changes the connection.

    Parameters
    ----------
    source : int
        Number of the stimulus or population.
    is_stimulus : bool
    shortest, longest : int
        Latest and earliest part of the past that is read, in ticks before the present.
    connection : DRMConnection
    gates : tuple of Afferent
        What modulates the connection.
    columns : Fixed, optional
        Columns of the source that are read; all when absent.
    """

    source: int
    is_stimulus: bool
    shortest: int
    longest: int
    connection: DRMConnection
    gates: tuple["Afferent", ...] = ()
    columns: Fixed | None = None

    @property
    def ticks(self) -> int:
        """Delay in ticks, where it is fixed: see :attr:`is_plain`."""
        return self.shortest

    @property
    def is_plain(self) -> bool:
        """Whether what is sent arrives as it is, only later."""
        return not self.gates and self.only_delays

    @property
    def only_delays(self) -> bool:
        """Whether what is sent arrives as it is, only later, but for its gates."""
        connection = self.connection
        if type(connection) is not DRMConnection:
            return False
        return connection.keeps_units and not connection.remembers

    @property
    def parts(self) -> "tuple[Afferent, ...]":
        """Itself and its gates."""
        return (self, *self.gates)

    def depends_on(self, members: Collection[int]) -> bool:
        """Return whether any of some populations sends over it, or modulates it."""
        return any(not a.is_stimulus and a.source in members for a in self.parts)


#: Gives what arrives over an afferent between two ticks.
Receive = Callable[[Afferent, int, int], Tensor]


def gate_factor(receive: Receive, afferent: Afferent, start: int, stop: int) -> Tensor:
    """Return what gates multiply an afferent by, shape (stop - start, batch, 1 or n_arriving)."""
    first, *more = (receive(gate, start, stop) for gate in afferent.gates)
    return sum(more, 1 + first)


def run_window(
    stages: Sequence[Stage],
    afferents: Sequence[Sequence[Afferent]],
    populations: Sequence[DRMPopulation],
    stimuli: Sequence[Tensor],
    carry: Carry,
    groups: Mapping[tuple[int, ...], LoopRunner] | None = None,
) -> tuple[list[Tensor], Carry]:
    """Run all populations over one window.

    Parameters
    ----------
    stages : sequence of Stage
        From :func:`drmbids.brain.net.graph.make_schedule`.
    afferents : sequence of sequence of Afferent
        Inputs of each population, in the order that it takes them.
    populations : sequence of DRMPopulation
    stimuli : sequence of Tensor of shape (n_ticks, batch, n_columns)
    carry : Carry
    groups : mapping of members to LoopRunner, optional
        Loops that run in a way of their own (:mod:`drmbids.brain.net.groups`).

    Returns
    -------
    activity : list of Tensor of shape (n_ticks, batch, n_units)
    carry : Carry
    """
    n_ticks = stimuli[0].shape[0]
    shown = [
        [past_block(p), Block(0, n_ticks, s)] for p, s in zip(carry.stimuli, stimuli, strict=True)
    ]
    blocks = [[past_block(p)] for p in carry.activity]
    states = list(carry.states)
    readers: dict[int, Callable[[Tensor], Tensor]] = {}
    connections = [a.connection for line in afferents for a in line]
    kept = dict(zip(map(id, connections), carry.connections, strict=False))
    line_of = _lines(populations, shown, blocks)

    def ungated(afferent: Afferent, start: int, stop: int) -> Tensor:
        sent = gather(line_of(afferent), start - afferent.longest, stop - afferent.shortest)
        if afferent.columns is not None:
            sent = sent.index_select(-1, afferent.columns.on(sent.device))
        # a call that changes nothing would be a fifth of the time of a small block
        if afferent.is_plain:
            return sent
        connection = afferent.connection
        if id(connection) not in readers:
            readers[id(connection)] = connection.reader()
        arrived = readers[id(connection)](connection(sent))
        if connection.remembers:
            # the ticks of a target are received once and in order, whatever the blocks
            arrived, kept[id(connection)] = connection.transmit(arrived, kept[id(connection)])
        return arrived

    # gates have none themselves: a function that called itself would be a circle of references, and
    # hold the window until the next collection of garbage
    def receive(afferent: Afferent, start: int, stop: int) -> Tensor:
        arrived = ungated(afferent, start, stop)
        return arrived * gate_factor(ungated, afferent, start, stop) if afferent.gates else arrived

    for stage in stages:
        if groups and stage.members in groups:
            groups[stage.members].run(n_ticks, afferents, populations, blocks, states, receive)
        elif stage.block is None:
            for node in stage.members:
                inputs = [receive(a, 0, n_ticks) for a in afferents[node]]
                activity, states[node] = populations[node](inputs, states[node])
                blocks[node].append(Block(0, n_ticks, activity))
        else:
            _run_loop(stage, n_ticks, afferents, populations, blocks, states, receive)

    activity = [
        torch.cat([b.activity for b in line[1:]]) if len(line) > 2 else line[1].activity
        for line in blocks
    ]
    remembered = tuple(kept[id(c)] for c in connections) if carry.connections else ()
    return activity, Carry(
        _tails(carry.stimuli, stimuli), _tails(carry.activity, activity), tuple(states), remembered
    )


def _lines(
    populations: Sequence[DRMPopulation],
    shown: Sequence[Sequence[Block]],
    blocks: Sequence[Sequence[Block]],
) -> Callable[[Afferent], Sequence[Block]]:
    """Return what gives the blocks that an afferent reads: of stimuli, or of what is sent."""
    sent: list[list[Block]] = [[] for _ in blocks]

    def line_of(afferent: Afferent) -> Sequence[Block]:
        node = afferent.source
        if afferent.is_stimulus:
            return shown[node]
        # each block is worked out once, when it is asked for
        for start, stop, activity in blocks[node][len(sent[node]) :]:
            sent[node].append(Block(start, stop, populations[node].sent(activity)))
        return sent[node]

    return line_of


def _tails(past: Sequence[Tensor], new: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(last_ticks(p, x) for p, x in zip(past, new, strict=True))


def _run_loop(
    stage: Stage,
    n_ticks: int,
    afferents: Sequence[Sequence[Afferent]],
    populations: Sequence[DRMPopulation],
    blocks: list[list[Block]],
    states: list[Any],
    receive: Callable[[Afferent, int, int], Tensor],
) -> None:
    """Run the members of a loop in rounds of retimed blocks, appending to blocks and states."""
    bounds = block_bounds(stage, n_ticks)
    inside = {
        node: [a.depends_on(stage.offsets) for a in afferents[node]] for node in stage.members
    }
    # What enters from outside the loop is received for the whole window at once and split: a slice
    # per block would write a gradient as long as the window for every block.
    outside = {
        node: [
            None
            if within
            else iter(receive(a, 0, n_ticks).split([hi - lo for lo, hi in bounds[node] if hi > lo]))
            for a, within in zip(afferents[node], inside[node], strict=True)
        ]
        for node in stage.members
    }
    n_rounds = len(bounds[stage.members[0]])
    for k in range(n_rounds):
        for node in stage.members:
            start, stop = bounds[node][k]
            if stop <= start:
                continue
            inputs = [
                receive(a, start, stop) if pieces is None else next(pieces)
                for a, pieces in zip(afferents[node], outside[node], strict=True)
            ]
            activity, states[node] = populations[node](inputs, states[node])
            blocks[node].append(Block(start, stop, activity))


def block_bounds(stage: Stage, n_ticks: int) -> Mapping[int, list[tuple[int, int]]]:
    """Return first and last tick of each member's block in every round, cut to the window.

    Parameters
    ----------
    stage : Stage
        A loop.
    n_ticks : int
        Ticks in the window.

    Returns
    -------
    mapping of int to list of (start, stop)
        As many rounds for all members; an empty block has ``stop <= start``.
    """
    length = stage.block or n_ticks
    latest, earliest = max(stage.offsets.values()), min(stage.offsets.values())
    n_rounds = -(-(n_ticks + latest - earliest) // length)
    return {
        node: [
            (
                max(0, k * length + stage.offsets[node] - latest),
                min(n_ticks, (k + 1) * length + stage.offsets[node] - latest),
            )
            for k in range(n_rounds)
        ]
        for node in stage.members
    }
