"""Which populations run together without a graph through time, and in which way.

Every loop of units of a known form that is connected by nothing but delays is a group, in blocks or
stacked (:mod:`drmbids.brain.net.groups`); gated populations one after the other may be stacked too.
Which way depends on an estimate of the time for a tick. Its terms were measured on one CPU core
with torch 2.13 in float32, forward and backward, for loops of 2 to 8 populations of 2 to 128 units:
what an operation costs at all counts for small ones, so that one product for all members pays
although most of the stacked weights are zero; arithmetic counts for large ones, and for many runs
side by side. Against the engine's own loop, groups take a third to two thirds of the time for units
without memory, a seventh to a third for leaky and gated ones.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.gate import Gate
from drmbids.brain.net.engine import Afferent
from drmbids.brain.net.graph import Stage
from drmbids.brain.net.groups import Form, Group, Inner, Stack
from drmbids.brain.populations.base import DRMPopulation, GatedForm, RateForm
from drmbids.maths.loops.fixed import Fixed

# Microseconds. In blocks: for each block of a member, and of a connection; for each tick of a
# member. Stacked: for each tick of all members.
MEMBER_BLOCK, CONNECTION_BLOCK = 17.0, 14.0
MEMBER_TICK = {"additive": 0.0, "leaky": 12.0, "gated": 30.0}
STACK_TICK = {"additive": 22.0, "leaky": 30.0, "gated": 38.0}
# More for each block of a connection with gates, and for each tick of a stack that has any.
GATE_BLOCK, MODULATED_TICK = 12.0, 35.0
#: For each weight in each tick: between 0.0004 for one run and 0.002 for 16 runs side by side.
WEIGHT_TICK = 0.001
#: Elements of the stacked weights above which loops are never stacked: 64 MB in float32.
MAX_WEIGHTS = 2**24


class Grouping:
    """Finds the groups of a net.

    Parameters
    ----------
    afferents : sequence of sequence of Afferent
        Inputs of each population of the net.
    populations : sequence of DRMPopulation
    widths : sequence of sequence of int
        Width of each afferent.
    """

    def __init__(
        self,
        afferents: Sequence[Sequence[Afferent]],
        populations: Sequence[DRMPopulation],
        widths: Sequence[Sequence[int]],
    ):
        self.afferents, self.widths = afferents, widths
        self.units = [p.n_units for p in populations]
        # stacked members hear each other's activity as it is
        plain = [type(p).sent is DRMPopulation.sent for p in populations]
        self.forms = [p.loop_form() if q else None for p, q in zip(populations, plain, strict=True)]

    def join_chains(self, stages: Sequence[Stage]) -> list[Stage]:
        """Return the stages, those of gated populations joined where stacking them pays."""
        found: list[Stage] = []
        for stage in stages:
            if found and stage.block is None and found[-1].block is None:
                members = (*found[-1].members, *stage.members)
                joined = Stage(members, None, dict.fromkeys(members, 0))
                if self._kind(joined) == "gated":
                    apart = min(self._stack_cost(found[-1]), self._block_cost(found[-1]))
                    if self._stack_cost(joined) < apart + self._block_cost(stage):
                        found[-1] = joined
                        continue
            found.append(stage)
        return found

    def group(self, stage: Stage) -> Group | None:
        """Return the group of a stage, None where its members run on their own."""
        alone = stage.block is None and len(stage.members) == 1
        forms = [self.forms[k] for k in stage.members]
        if alone or None in forms or not self._is_simple(stage):
            return None
        if self._stack_cost(stage) < self._block_cost(stage):
            return self._stack(stage)
        inner = self._inner(stage)
        depths = [1] * len(stage.members)
        for c in inner:
            depths[c.source] = max(depths[c.source], c.ticks)
        return Group(stage, inner, self._outside(stage), tuple(depths))

    def _inside(self, stage: Stage) -> list[Afferent]:
        return [a for k in stage.members for a in self.afferents[k] if _is_inside(a, stage)]

    def _is_simple(self, stage: Stage) -> bool:
        """Return whether members do nothing but delay each other, and modulate nothing."""
        gates = [g for k in stage.members for a in self.afferents[k] for g in a.gates]
        return all(a.only_delays for a in self._inside(stage)) and not any(
            g.depends_on(stage.members) for g in gates
        )

    def _kind(self, stage: Stage) -> str | None:
        """Return what the members are if they can be stacked, else None."""
        inside = self._inside(stage)
        forms = [self.forms[k] for k in stage.members]
        if not self._is_simple(stage) or not all(a.ticks >= 1 for a in inside):
            return None
        if all(isinstance(form, GatedForm) for form in forms):
            return "gated"
        one_function = len({form.nonlinearity for form in forms if isinstance(form, RateForm)}) == 1
        if not one_function or not all(isinstance(form, RateForm) for form in forms):
            return None
        # with one leaky member all are run as leaky ones
        return max((_kind(form) for form in forms), key=STACK_TICK.__getitem__)

    def _stack_cost(self, stage: Stage) -> float:
        """Return the estimated time of a tick when stacked, infinite where that cannot be."""
        kind = self._kind(stage)
        rows, columns = self._stack_shape(stage)
        if kind is None or rows * columns > MAX_WEIGHTS:
            return float("inf")
        modulated = MODULATED_TICK if self._modulators(stage) else 0.0
        return STACK_TICK[kind] + modulated + WEIGHT_TICK * rows * columns

    def _block_cost(self, stage: Stage) -> float:
        """Return the estimated time of a tick when members run in turn."""
        inner = self._inner(stage)
        kinds = [_kind(self.forms[k]) for k in stage.members]
        units = [self.units[k] for k in stage.members]
        weights = sum(
            units[c.to] * units[c.source] * (3 if kinds[c.to] == "gated" else 1) for c in inner
        ) + sum(3 * n * n for n, kind in zip(units, kinds, strict=True) if kind == "gated")
        block = MEMBER_BLOCK * len(units) + CONNECTION_BLOCK * len(inner)
        block += GATE_BLOCK * sum(bool(c.afferent.gates) for c in inner)
        ticks = sum(MEMBER_TICK[kind] for kind in kinds)
        return (block / stage.block if stage.block else 0.0) + ticks + WEIGHT_TICK * weights

    def _stack_shape(self, stage: Stage) -> tuple[int, int]:
        n = sum(self.units[k] for k in stage.members)
        depth = max((a.ticks for a in self._inside(stage)), default=1)
        gated = isinstance(self.forms[stage.members[0]], GatedForm)
        n_factors = 1 + sum(_n_modulators(g) for g in self._modulators(stage).values())
        return (4 * n if gated else n), n_factors * depth * n

    def _modulators(self, stage: Stage) -> dict[Hashable, Afferent]:
        """Return what modulates the connections within a stage, by where it comes from."""
        return {_origin(g): g for a in self._inside(stage) for g in a.gates}

    def _inner(self, stage: Stage) -> tuple[Inner, ...]:
        position = {k: i for i, k in enumerate(stage.members)}
        return tuple(
            Inner(position[k], position[a.source], a.ticks, columns.start, columns.stop, a)
            for k in stage.members
            for a, columns in self._columns(k)
            if _is_inside(a, stage)
        )

    def _outside(self, stage: Stage) -> tuple[Fixed, ...]:
        return tuple(
            _indices(
                [c for a, columns in self._columns(k) if not _is_inside(a, stage) for c in columns]
            )
            for k in stage.members
        )

    def _columns(self, node: int) -> Iterator[tuple[Afferent, range]]:
        """Yield each afferent with the columns of the input weights that are its own."""
        start = 0
        for a, width in zip(self.afferents[node], self.widths[node], strict=True):
            yield a, range(start, start + width)
            start += width

    def _stack(self, stage: Stage) -> Stack:
        inner, shape = self._inner(stage), self._stack_shape(stage)
        sizes = [self.units[k] for k in stage.members]
        total = sum(sizes)
        starts = torch.tensor([0, *sizes]).cumsum(0).tolist()
        n_kinds, depth = shape[0] // total, max((c.ticks for c in inner), default=1)

        def place(
            to: int, kinds: Sequence[int], sources: Sequence[tuple[int, int]], factor: int = 0
        ) -> Tensor:
            """Return where weights go: rows of a member's units, for each kind of input."""
            rows = torch.tensor(kinds)[:, None] * total + starts[to] + torch.arange(sizes[to])
            columns = [
                ((factor + 1) * depth - ticks) * total
                + starts[source]
                + torch.arange(sizes[source])
                for source, ticks in sources
            ]
            return (rows.reshape(-1, 1) * shape[1] + torch.cat(columns)).reshape(-1)

        inside, places = [], []
        # gated units: input reaches the last three kinds, their own activity the first three
        kinds = (1, 2, 3) if n_kinds == 4 else (0,)
        for to in range(len(sizes)):
            own = [c for c in inner if c.to == to]
            columns = [column for c in own for column in range(c.first, c.last)]
            inside.append(_indices(columns))
            if own:
                places.append(place(to, kinds, [(c.source, c.ticks) for c in own]))
        if n_kinds == 4:
            places += [place(to, (0, 1, 2), [(to, 1)]) for to in range(len(sizes))]
        modulators = self._modulators(stage)
        firsts = dict(zip(modulators, _first_factors(modulators.values()), strict=True))
        for c in inner:
            for gate in c.afferent.gates:
                first = firsts[_origin(gate)]
                places += [
                    place(c.to, kinds, [(c.source, c.ticks)], first + j)
                    for j in range(_n_modulators(gate))
                ]
        return Stack(
            stage,
            inner,
            self._outside(stage),
            (depth,) * len(sizes),
            tuple(inside),
            Fixed(torch.cat(places)),
            shape,
            tuple(replace(gate, connection=DRMConnection()) for gate in modulators.values()),
        )


def _origin(gate: Afferent) -> Hashable:
    """Return where the modulators of a gate come from: gates with the same share their factors."""
    return cast(Gate, gate.connection).origin, gate.ticks


def _n_modulators(gate: Afferent) -> int:
    return cast(Gate, gate.connection).n_modulators


def _first_factors(gates: Iterable[Afferent]) -> list[int]:
    """Return which factor the first modulator of each gate is; factor 0 is 1."""
    return list(accumulate(map(_n_modulators, gates), initial=1))[:-1]


def _indices(columns: Sequence[int]) -> Fixed:
    return Fixed(torch.tensor(columns, dtype=torch.long))


def _is_inside(a: Afferent, stage: Stage) -> bool:
    return not a.is_stimulus and a.source in stage.offsets


def _kind(form: Form | None) -> str:
    if isinstance(form, GatedForm):
        return "gated"
    return "additive" if form is None or form.dynamics is None else "leaky"
