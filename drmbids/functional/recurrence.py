"""Populations that feed back on each other through delays, run without a graph through time.

The forward pass fills buffers tick by tick or block by block; the backward pass runs the adjoint
recurrence the same way and forms the gradient of all weights in one product at the end. Autograd
sees one operation for a whole window instead of several for every tick. Under :func:`torch.vmap`
that operation has an axis of models, and every product is one for each model.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from drmbids.functional.cells import Buffers, Cell, Gated, Rate, add_product


class Member(NamedTuple):
    """A population of a loop.

    Parameters
    ----------
    cell : Cell
        What its units do.
    past : Tensor of shape (depth, batch, n_units)
        Activity before the window, at least one tick and as many as any delay from here.
    drive : Tensor of shape (n_ticks, batch, from_others * n_units)
        Input from outside the loop, bias included.
    weight : Tensor of shape (n_rows, reach * n_units), optional
        Weights on the units' own last ``reach`` ticks, the oldest first. More than one tick is for
        a member on its own, without arcs.
    extra : Tensor of shape (n_units,), optional
        Parameter of the cell.
    """

    cell: Cell
    past: Tensor
    drive: Tensor
    weight: Tensor | None = None
    extra: Tensor | None = None


class Arc(NamedTuple):
    """A connection between members: the target receives ``weight`` times an earlier activity."""

    to: int
    source: int
    ticks: int
    weight: Tensor  # shape: (from_others * n_units of the target, n_units of the source)


class _Plan(NamedTuple):
    """What runs when: cells, ``to, source, ticks`` of arcs, and which member's turn it is.

    ``lengths`` are the ticks of each member in its turns.
    """

    cells: Sequence[Cell]
    arcs: Sequence[tuple[int, int, int]]
    turns: Sequence[int]
    lengths: Sequence[Sequence[int]]

    def flow(
        self, at: Sequence[Buffers], here: Sequence[Tensor], there: Sequence[Tensor]
    ) -> list[list[list[tuple[Tensor, Tensor]]]]:
        """Return, for each member and turn, for each arc, rows where it ends and that it reads."""
        found: list[list[list[tuple[Tensor, Tensor]]]] = [[[] for _ in k] for k in self.lengths]
        for to, source, ticks in self.arcs:
            ends = _received(self.cells[to], at[to], here[to])
            reads = _sent(at[source], there[source], ticks)
            rows = [n * ends.shape[-2] // at[to].n_ticks for n in self.lengths[to]]
            pairs = zip(ends.split(rows, -2), reads.split(rows, -2), strict=True)
            for turn, pair in zip(found[to], pairs, strict=True):
                turn.append(pair)
        return found


class _Recurrence(torch.autograd.Function):
    # Takes the plan, then past, drive, weight and extra of each member, then the weights of arcs;
    # returns the activity of each member, its past included, then the inner buffer of each.

    @staticmethod
    def forward(plan: _Plan, *tensors: Any) -> tuple[Tensor, ...]:
        n = len(plan.cells)
        at = [
            _begin(Member(cell, *tensors[4 * k : 4 * k + 4])) for k, cell in enumerate(plan.cells)
        ]
        inner, activity = [m.inner for m in at], [m.activity for m in at]
        weights = _by_target(plan, [w.mT for w in tensors[4 * n :]])
        flow = [iter(turns) for turns in plan.flow(at, inner, activity)]
        runs = [c.run(m, k) for c, m, k in zip(plan.cells, at, plan.lengths, strict=True)]
        for i in plan.turns:
            for (received, sent), weight in zip(next(flow[i]), weights[i], strict=True):
                add_product(received, sent, weight)
            next(runs[i])
        return (*activity, *inner)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.plan, *tensors = inputs
        n = len(ctx.plan.cells)
        ctx.mark_non_differentiable(*output[n:])
        ctx.set_materialize_grads(False)
        weights, extras = tensors[2 : 4 * n : 4], tensors[3 : 4 * n : 4]
        ctx.save_for_backward(*weights, *extras, *output, *tensors[4 * n :])

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Any, Any]:
        plan, *tensors = inputs
        models = [
            x if x is None else _with_models(x, axis, info.batch_size)
            for x, axis in zip(tensors, in_dims[1:], strict=True)
        ]
        output = _Recurrence.apply(plan, *models)
        return output, (0,) * len(output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        plan, saved = ctx.plan, ctx.saved_tensors
        n = len(plan.cells)
        at = [Buffers(*saved[k : 4 * n : n]) for k in range(n)]
        weights = _by_target(plan, saved[4 * n :])
        # slopes become the gradient by the inner buffer, turn by turn
        change = [cell.slopes(m) for cell, m in zip(plan.cells, at, strict=True)]
        adjoint = [_adjoint(m.activity, g) for m, g in zip(at, grads[:n], strict=True)]
        flow = [reversed(turns) for turns in plan.flow(at, change, adjoint)]
        parts = list(zip(plan.cells, at, change, adjoint, strict=True))
        runs = [c.adjoin(m, d, a, k) for (c, m, d, a), k in zip(parts, plan.lengths, strict=True)]
        for i in reversed(plan.turns):
            next(runs[i])
            for (received, sent), weight in zip(next(flow[i]), weights[i], strict=True):
                add_product(sent, received, weight)
        found: list[Tensor | None] = [None]
        for part in parts:
            found += _member_gradients(*part)
        for to, source, ticks in plan.arcs:
            received = _received(plan.cells[to], at[to], change[to])
            found.append(received.mT @ _sent(at[source], at[source].activity, ticks))
        return tuple(found)


def _begin(member: Member) -> Buffers:
    """Return the buffers of a member, filled with what is known before the first tick."""
    cell, past, drive, weight, extra = member
    at = Buffers(weight, extra, past, drive)
    # Arcs are products of rows of ticks and batch, so that time comes first in memory. Where units
    # look back on several ticks it is the batch: they are one stretch then, and one product.
    (*before, depth, _, n), (n_ticks, batch) = past.shape, drive.shape[-3:-1]
    activity = _buffer(drive, (*before, depth + n_ticks, batch, n), at.reach > 1)
    activity[..., :depth, :, :] = past
    inner = _buffer(drive, (*before, n_ticks, batch, cell.n_inner * n), at.reach > 1)
    cell.begin(inner, drive, extra)
    return at._replace(activity=activity, inner=inner)


def _buffer(like: Tensor, shape: Sequence[int], batch_first: bool) -> Tensor:
    """Return an empty buffer; ``shape`` is time first, whatever comes first in memory."""
    if not batch_first:
        return like.new_empty(shape)
    *before, n_ticks, batch, n = shape
    return like.new_empty((*before, batch, n_ticks, n)).transpose(-3, -2)


def _rows(series: Tensor) -> Tensor:
    """Return a view with a row for each tick and batch."""
    return series.view(*series.shape[:-3], -1, series.shape[-1])


def _received(cell: Cell, at: Buffers, inner: Tensor) -> Tensor:
    """Return the rows that arcs add to, (..., ticks and batch, from_others * n_units)."""
    return _rows(inner)[..., -cell.from_others * at.activity.shape[-1] :]


def _sent(at: Buffers, series: Tensor, ticks: int) -> Tensor:
    """Return the rows that an arc reads in a window, (..., ticks and batch, n_units)."""
    return _rows(at.later(series, ticks)[..., : at.n_ticks, :, :])


def _by_target(plan: _Plan, weights: Sequence[Tensor]) -> list[list[Tensor]]:
    """Return the weights of the arcs that end at each member."""
    found: list[list[Tensor]] = [[] for _ in plan.cells]
    for (to, _, _), weight in zip(plan.arcs, weights, strict=True):
        found[to].append(weight)
    return found


def _adjoint(activity: Tensor, gradient: Tensor | None) -> Tensor:
    """Return a copy of a gradient in the layout of the activity; zeros for None."""
    found = torch.empty_like(activity)
    return found.zero_() if gradient is None else found.copy_(gradient)


def _with_models(x: Tensor, axis: int | None, n_models: int) -> Tensor:
    """Return a tensor with its axis of models in front."""
    return x.expand(n_models, *x.shape) if axis is None else x.movedim(axis, 0)


def _member_gradients(
    cell: Cell, at: Buffers, change: Tensor, adjoint: Tensor
) -> list[Tensor | None]:
    """Return the gradients by past, drive, weight and extra of a member."""
    n, depth = at.activity.shape[-1], adjoint.shape[-3] - at.n_ticks
    by_weight = by_extra = None
    if at.weight is not None:
        before = at.later(at.activity, at.reach)[..., :-1, :, :]
        seen = before.unfold(-3, at.reach, 1).transpose(-2, -1).flatten(-2)
        reached = change[..., : at.weight.shape[-2]]
        by_weight = reached.flatten(-3, -2).mT @ seen.flatten(-3, -2)
    if at.extra is not None:
        by_extra = cell.extra_gradient(at, change, adjoint)
    return [adjoint[..., :depth, :, :], change[..., -cell.from_others * n :], by_weight, by_extra]


def loop_recurrence(
    members: Sequence[Member], arcs: Sequence[Arc], turns: Sequence[tuple[int, int]]
) -> list[Tensor]:
    """Return the activity of populations in a loop over a window.

    Parameters
    ----------
    members : sequence of Member
    arcs : sequence of Arc
        Connections between members, themselves included.
    turns : sequence of (member, n_ticks)
        Whose turn it is, for how many more ticks, in an order in which what arcs read is there.

    Returns
    -------
    list of Tensor of shape (n_ticks, batch, n_units)
        One for each member. Can be differentiated once.

    Examples
    --------
    One unit excites another, which hears of it two ticks later:

    >>> import torch
    >>> unit = Member(Rate(torch.relu), torch.zeros(2, 1, 1), torch.ones(4, 1, 1))
    >>> arc = Arc(1, 0, 2, torch.full((1, 1), 0.5))
    >>> first, second = loop_recurrence([unit, unit], [arc], [(0, 4), (1, 4)])
    >>> second.flatten().tolist()
    [1.0, 1.0, 1.5, 1.5]
    """
    lengths: list[list[int]] = [[] for _ in members]
    for member, n_ticks in turns:
        lengths[member].append(n_ticks)
    order = [member for member, _ in turns]
    plan = _Plan([m.cell for m in members], [arc[:3] for arc in arcs], order, lengths)
    tensors = [part for m in members for part in m[1:]]
    found = _Recurrence.apply(plan, *tensors, *(arc.weight for arc in arcs))
    return [
        series[m.past.shape[0] :] for m, series in zip(members, found[: len(members)], strict=True)
    ]


def delayed_recurrence(
    past: Tensor,
    drive: Tensor,
    weight: Tensor,
    decay: Tensor | None,
    phi: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return the activity of rate units with delayed feedback over a window.

    ``y(t) = a y(t - 1) + (1 - a) phi(u(t) + sum_d W_d y(t - d))``

    Parameters
    ----------
    past : Tensor of shape (depth, batch, n_units)
        Activity before the window, as many ticks as the longest delay, at least one.
    drive : Tensor of shape (n_ticks, batch, n_units)
        Input from elsewhere, bias included.
    weight : Tensor of shape (n_units, depth * n_units)
        Weights on the last ``depth`` ticks, the oldest first: columns ``(depth - d) * n_units``
        and on belong to a delay of ``d`` ticks.
    decay : Tensor of shape (n_units,) or None
        ``a``, 0 for a unit without memory; None where no unit has one.
    phi : callable
        Elementwise nonlinearity.

    Returns
    -------
    Tensor of shape (n_ticks, batch, n_units)
        Can be differentiated once.

    Examples
    --------
    >>> import torch
    >>> past, drive = torch.zeros(1, 1, 1), torch.ones(3, 1, 1)
    >>> y = delayed_recurrence(past, drive, torch.full((1, 1), 0.5), None, torch.relu)
    >>> y.flatten().tolist()
    [1.0, 1.5, 1.75]
    """
    member = Member(Rate(phi), past, drive, weight, decay)
    return loop_recurrence([member], [], [(0, len(drive))])[0]


def gated_recurrence(past: Tensor, drive: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the activity of gated recurrent units over a window.

    With ``m = W_m y + b`` the recurrent part of the candidate, ``r`` and ``z`` the sigmoids of
    ``u_r + W_r y`` and ``u_z + W_z y``, ``y`` before the tick, the activity is
    ``(1 - z) tanh(u_c + r m) + z y`` (Cho et al. 2014, EMNLP, arXiv:1406.1078, with the reset
    gate behind the recurrent weights, as :class:`torch.nn.GRU` has it).

    Parameters
    ----------
    past : Tensor of shape (depth, batch, n_units)
        Activity before the window, as many ticks as the longest delay, at least one.
    drive : Tensor of shape (n_ticks, batch, 3 * n_units)
        Input from elsewhere to reset gate, update gate and candidate, bias included.
    weight : Tensor of shape (3 * n_units or 4 * n_units, depth * n_units)
        Weights on the last ``depth`` ticks, the oldest first: of ``m``, reset gate and update
        gate, and where there is delayed feedback, of the candidate.
    bias : Tensor of shape (n_units,)
        Of ``m``.

    Returns
    -------
    Tensor of shape (n_ticks, batch, n_units)
        Can be differentiated once.

    Examples
    --------
    >>> import torch
    >>> drive = torch.tensor([0.0, -20.0, 20.0]).expand(3, 1, 3)
    >>> gated_recurrence(torch.zeros(1, 1, 1), drive, torch.zeros(3, 1), torch.zeros(1)).flatten()
    tensor([1., 1., 1.])
    """
    member = Member(Gated(), past, drive, weight, bias)
    return loop_recurrence([member], [], [(0, len(drive))])[0]
