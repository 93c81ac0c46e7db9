"""Rate populations of one loop, stacked into a single recurrence.

A loop of many populations takes one call for each of them in every block. Where all of them are
rate units (:meth:`~drmbids.DRMPopulation.rate_form`), their weights fit into one matrix over all
delays, and a tick takes one product for the whole loop.

When it pays: a block of ``L`` ticks costs one call for each member, so a tick costs ``members / L``
calls; stacked it costs one. On one CPU core, forward and backward, a stacked tick takes as long as
0.4 calls where units and batches are few, 0.9 with 64 units in each of 16 runs.
The matrix holds the weights of all pairs at all delays, needed or not, which limits its size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from drmbids.functional.delay import Block, gather
from drmbids.functional.recurrence import delayed_recurrence
from drmbids.net.engine import Afferent
from drmbids.net.graph import Stage
from drmbids.populations.base import NONLINEARITIES, DRMPopulation, RateForm

#: Calls a tick above which a loop is stacked.
MIN_CALLS_PER_TICK = 0.6
#: Elements of the stacked weights above which it is not: 16 million are 64 MB in float32.
MAX_WEIGHTS = 2**24


@dataclass(frozen=True, eq=False)
class Group:
    """A loop that runs as one recurrence.

    Parameters
    ----------
    members : tuple of int
        Populations, in the order of their units.
    depth : int
        Longest delay within the loop in ticks.
    inside, outside : tuple of Tensor
        For each member, which columns of its weights belong to members and which do not.
    place : Tensor
        Where the weights within the loop go in the stacked matrix, flat.
    n_units : int
        Units of all members.
    """

    members: tuple[int, ...]
    depth: int
    inside: tuple[Tensor, ...]
    outside: tuple[Tensor, ...]
    place: Tensor
    n_units: int

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
        forms = [rate_form(populations[k]) for k in self.members]
        drive = torch.cat(
            [
                self._drive(form, columns, k, n_ticks, afferents, blocks, receive)
                for form, columns, k in zip(forms, self.outside, self.members, strict=True)
            ],
            dim=-1,
        )
        past = torch.cat([self._past(blocks[k]) for k in self.members], dim=-1)
        decay = torch.cat([form.decay for form in forms])
        phi = NONLINEARITIES[forms[0].nonlinearity]
        activity = delayed_recurrence(past, drive, self._weights(forms), decay, phi)
        widths = [len(form.bias) for form in forms]
        for k, part in zip(self.members, activity.split(widths, dim=-1), strict=True):
            blocks[k].append(Block(0, n_ticks, part))
            if states[k] is not None:
                states[k] = part[-1]

    def _weights(self, forms: Sequence[RateForm]) -> Tensor:
        """Return the weights within the loop, shape (n_units, depth * n_units)."""
        like = forms[0].weight
        parts = [
            form.weight[:, columns.to(like.device)].reshape(-1)
            for form, columns in zip(forms, self.inside, strict=True)
        ]
        flat = like.new_zeros(self.n_units * self.depth * self.n_units)
        return flat.index_put((self.place.to(like.device),), torch.cat(parts)).view(
            self.n_units, -1
        )

    def _drive(
        self,
        form: RateForm,
        columns: Tensor,
        node: int,
        n_ticks: int,
        afferents: Sequence[Sequence[Afferent]],
        blocks: list[list[Block]],
        receive: Callable[[Afferent, int, int], Tensor],
    ) -> Tensor:
        """Return bias and input from outside the loop, shape (n_ticks, batch, n)."""
        outside = [a for a in afferents[node] if a.is_stimulus or a.source not in self.members]
        if not outside:
            batch = blocks[node][0].activity.shape[1]
            return form.bias.expand(n_ticks, batch, -1)
        x = torch.cat([receive(a, 0, n_ticks) for a in outside], dim=-1)
        return nn.functional.linear(x, form.weight[:, columns.to(x.device)], form.bias)

    def _past(self, line: Sequence[Block]) -> Tensor:
        """Return the last ``depth`` ticks before the window; zeros where no delay reaches."""
        known = min(self.depth, -line[0].start)
        past = gather(line, -known, 0) if known else line[0].activity[:0]
        return nn.functional.pad(past, (0, 0, 0, 0, self.depth - known, 0))


def rate_form(population: DRMPopulation) -> RateForm:
    """Return the rate form of a population that is known to have one."""
    form = population.rate_form()
    if form is None:
        raise TypeError(f"{type(population).__name__} has no rate form")
    return form


def make_group(
    stage: Stage,
    afferents: Sequence[Sequence[Afferent]],
    populations: Sequence[DRMPopulation],
    widths: Sequence[Sequence[int]],
) -> Group | None:
    """Return the group of a stage, or None where it cannot be stacked or that would not pay.

    Parameters
    ----------
    stage : Stage
    afferents : sequence of sequence of Afferent
        Inputs of each population of the net.
    populations : sequence of DRMPopulation
    widths : sequence of sequence of int
        Width of each afferent.

    Returns
    -------
    Group or None
    """
    if stage.block is None or len(stage.members) / stage.block < MIN_CALLS_PER_TICK:
        return None
    forms = [populations[k].rate_form() for k in stage.members]
    inner = [
        a
        for k in stage.members
        for a in afferents[k]
        if not a.is_stimulus and a.source in stage.offsets
    ]
    one_kind = None not in forms and len({form.nonlinearity for form in forms if form}) == 1
    if not one_kind or any(a.ticks < 1 or not a.is_plain for a in inner):
        return None
    members = tuple(sorted(stage.members))
    sizes = [populations[k].n_units for k in members]
    total, depth = sum(sizes), max(a.ticks for a in inner)
    if total * total * depth > MAX_WEIGHTS:
        return None
    starts = dict(zip(members, torch.tensor([0, *sizes]).cumsum(0).tolist(), strict=False))
    inside, outside, place = [], [], []
    for k, size in zip(members, sizes, strict=True):
        rows = (starts[k] + torch.arange(size)) * depth * total
        own: list[int] = []
        targets: list[Tensor] = []
        others: list[int] = []
        column = 0
        for a, width in zip(afferents[k], widths[k], strict=True):
            columns = range(column, column + width)
            column += width
            if a.is_stimulus or a.source not in starts:
                others += columns
                continue
            own += columns
            targets.append((depth - a.ticks) * total + starts[a.source] + torch.arange(width))
        inside.append(torch.tensor(own))
        outside.append(torch.tensor(others, dtype=torch.long))
        place.append((rows[:, None] + torch.cat(targets)).reshape(-1))
    return Group(members, depth, tuple(inside), tuple(outside), torch.cat(place), total)
