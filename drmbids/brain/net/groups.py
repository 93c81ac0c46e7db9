"""Loops whose members are all of a known form, run without a graph through time.

Where all members of a loop are rate units or gated units
(:meth:`~drmbids.DRMPopulation.loop_form`), connected by nothing but delays, the loop is one
operation for autograd (:mod:`drmbids.maths.loops.recurrence`). What enters the loop from outside is
worked out for the whole window before, and so is what modulates its connections, which must not be
part of it. There are two ways:

*in blocks*: the members run in turn for as many ticks as delays allow, as the engine does;

*stacked*: the units of all members are one population, whose weights over all delays are one
matrix; a tick is one product for the whole loop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from drmbids.brain.connections.gate import Gate
from drmbids.brain.net.engine import Afferent, Receive, block_bounds, gate_factor
from drmbids.brain.net.graph import Stage
from drmbids.brain.populations.base import NONLINEARITIES, DRMPopulation, GatedForm, RateForm
from drmbids.maths.loops.cells import Gated, Rate
from drmbids.maths.loops.delay import Block, gather
from drmbids.maths.loops.fixed import Fixed
from drmbids.maths.loops.recurrence import (
    Arc,
    Member,
    delayed_recurrence,
    gated_recurrence,
    loop_recurrence,
)

#: What a population of a known form gives.
Form = RateForm | GatedForm


class Inner(NamedTuple):
    """A connection within a loop.

    Positions of target and source, delay, columns of the weights, and the afferent it is.
    """

    to: int
    source: int
    ticks: int
    first: int
    last: int
    afferent: Afferent


@dataclass(frozen=True, eq=False)
class Group:
    """A loop that runs as one operation, in blocks.

    Parameters
    ----------
    stage : Stage
    inner : tuple of Inner
        Connections within the loop; positions are those in ``stage.members``.
    outside : tuple of Fixed
        For each member, which columns of its weights belong to no member.
    depths : tuple of int
        Longest delay from each member to another, at least 1.
    """

    stage: Stage
    inner: tuple[Inner, ...]
    outside: tuple[Fixed, ...]
    depths: tuple[int, ...]

    @property
    def members(self) -> tuple[int, ...]:
        """Populations, in order."""
        return self.stage.members

    def run(
        self,
        n_ticks: int,
        afferents: Sequence[Sequence[Afferent]],
        populations: Sequence[DRMPopulation],
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
        forms = [loop_form(populations[k]) for k in self.members]
        parts = []
        for form, columns, depth, k in zip(
            forms, self.outside, self.depths, self.members, strict=True
        ):
            past = _past(blocks[k], depth, states[k] if isinstance(form, GatedForm) else None)
            sent = [
                receive(a, 0, n_ticks)
                for a in afferents[k]
                if a.is_stimulus or a.source not in self.members
            ]
            parts.append((past, _drive(form, columns, sent, n_ticks, past.shape[1])))
        found = self._activity(forms, parts, [states[k] for k in self.members], receive)
        for k, form, (series, state) in zip(self.members, forms, found, strict=True):
            blocks[k].append(Block(0, n_ticks, series))
            # the state of gated units is their activity
            states[k] = series[-1].view_as(states[k]) if isinstance(form, GatedForm) else state

    def _activity(
        self,
        forms: Sequence[Form],
        parts: Sequence[tuple[Tensor, Tensor]],
        states: Sequence[Any],
        receive: Receive,
    ) -> Sequence[tuple[Tensor, Tensor | None]]:
        """Return activity and state of each member from its form, past and drive, and state."""
        n_ticks = len(parts[0][1])
        members = [
            _member(form, *part, state)
            for form, part, state in zip(forms, parts, states, strict=True)
        ]
        arcs = [
            Arc(
                c.to,
                c.source,
                c.ticks,
                forms[c.to].weight[:, c.first : c.last],
                gate_factor(receive, c.afferent, 0, n_ticks) if c.afferent.gates else None,
            )
            for c in self.inner
        ]
        return loop_recurrence(members, arcs, self._turns(n_ticks))

    def _turns(self, n_ticks: int) -> list[tuple[int, int]]:
        bounds = block_bounds(self.stage, n_ticks)
        rounds = zip(*(bounds[k] for k in self.members), strict=True)
        return [
            (i, stop - start)
            for turn in rounds
            for i, (start, stop) in enumerate(turn)
            if start < stop
        ]


@dataclass(frozen=True, eq=False)
class Stack(Group):
    """A loop that runs as one operation, tick by tick, stacked.

    Parameters
    ----------
    stage, inner, outside, depths
        As for :class:`Group`, all depths the same.
    inside : tuple of Fixed
        For each member, which columns of its weights belong to members.
    place : Fixed
        Where these go in the stacked matrix, flat; after them, the own weights of gated units, and
        for each gate of a connection its weights times gains.
    shape : tuple of (int, int)
        Of the stacked matrix: as wide as all delays for activity as it is, and once more for each
        modulator.
    modulators : tuple of Afferent
        What modulates connections of the loop, known before it runs.
    """

    inside: tuple[Fixed, ...]
    place: Fixed
    shape: tuple[int, int]
    modulators: tuple[Afferent, ...]

    def _activity(
        self,
        forms: Sequence[Form],
        parts: Sequence[tuple[Tensor, Tensor]],
        states: Sequence[Any],
        receive: Receive,
    ) -> Sequence[tuple[Tensor, Tensor | None]]:
        pasts, drives = zip(*parts, strict=True)
        widths = [past.shape[-1] for past in pasts]
        # each kind of input for all units, one after the other
        kinds = [drive.unflatten(-1, (-1, n)) for drive, n in zip(drives, widths, strict=True)]
        past, drive = torch.cat(pasts, -1), torch.cat(kinds, -1).flatten(-2)
        factors = None
        if self.modulators:
            shown = [receive(modulator, 0, len(drive)) for modulator in self.modulators]
            factors = torch.cat([torch.ones_like(shown[0][..., :1]), *shown], -1)
        found, state = _stacked(forms, states, past, drive, self._weights(forms), factors)
        after = [None] * len(forms) if state is None else state.split(widths, dim=-1)
        return [
            (series, None if before is None else end)
            for series, before, end in zip(found.split(widths, -1), states, after, strict=True)
        ]

    def _weights(self, forms: Sequence[Form]) -> Tensor:
        """Return the stacked weights."""
        parts = [
            form.weight[:, columns.on(form.weight.device)]
            for form, columns in zip(forms, self.inside, strict=True)
        ]
        parts += [form.recurrent for form in forms if isinstance(form, GatedForm)]
        for c in self.inner:
            weight = forms[c.to].weight[:, c.first : c.last]
            gains = (cast(Gate, gate.connection).value("gain") for gate in c.afferent.gates)
            parts += [gain.unsqueeze(1) * weight for gain in gains]
        values = torch.cat([part.reshape(-1) for part in parts])
        flat = values.new_zeros(self.shape[0] * self.shape[1])
        return flat.index_add(0, self.place.on(values.device), values).view(self.shape)


def loop_form(population: DRMPopulation) -> Form:
    """Return the form of a population that is known to have one."""
    form = population.loop_form()
    if form is None:
        raise TypeError(f"{type(population).__name__} has no form for loops")
    return form


def _drive(form: Form, columns: Fixed, sent: Sequence[Tensor], n_ticks: int, batch: int) -> Tensor:
    """Return bias and input from outside the loop, shape (n_ticks, batch, n)."""
    if not sent:
        return form.bias.expand(n_ticks, batch, -1)
    x = torch.cat(tuple(sent), dim=-1)
    return nn.functional.linear(x, form.weight[:, columns.on(x.device)], form.bias)


def _past(line: Sequence[Block], depth: int, state: Any) -> Tensor:
    """Return the last ``depth`` ticks before the window; zeros where no delay reaches."""
    known = min(depth, -line[0].start)
    if known:
        past = gather(line, -known, 0)
    else:  # gated units read their last activity, which is their state
        silence = line[0].activity.new_zeros(1, *line[0].activity.shape[1:])
        past = silence if state is None else state.view_as(silence)
    return nn.functional.pad(past, (0, 0, 0, 0, depth - len(past), 0))


def _member(form: Form, past: Tensor, drive: Tensor, state: Any) -> Member:
    if isinstance(form, GatedForm):
        return Member(Gated(), past, drive, form.recurrent, form.recurrent_bias)
    phi = NONLINEARITIES[form.nonlinearity]
    return Member(Rate(phi), past, drive, None, form.dynamics, None, state)


def _stacked(
    forms: Sequence[Any],
    states: Sequence[Any],
    past: Tensor,
    drive: Tensor,
    weight: Tensor,
    factors: Tensor | None,
) -> tuple[Tensor, Tensor | None]:
    """Return the activity of the units of all members, and the state of rate units."""
    if isinstance(forms[0], GatedForm):
        biases = torch.cat([form.recurrent_bias for form in forms])
        return gated_recurrence(past, drive, weight, biases, factors), None
    dynamics = state = None
    if any(form.dynamics is not None for form in forms):
        # units without memory go all the way in each tick, wherever they come from
        dynamics = torch.cat([_dynamics(form) for form in forms], dim=-1)
        state = torch.cat(
            [
                past.new_zeros(past.shape[1], len(f.bias)) if s is None else s
                for f, s in zip(forms, states, strict=True)
            ],
            dim=-1,
        )
    phi = NONLINEARITIES[forms[0].nonlinearity]
    return delayed_recurrence(past, drive, weight, phi, dynamics, state, factors)


def _dynamics(form: RateForm) -> Tensor:
    """Return the dynamics of rate units, those without memory among them."""
    return torch.ones_like(form.bias.expand(2, -1)) if form.dynamics is None else form.dynamics
