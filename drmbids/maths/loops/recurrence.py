"""Populations that feed back on each other through delays, run without a graph through time.

The forward pass fills buffers tick by tick or block by block; the backward pass runs the adjoint
recurrence the same way and forms the gradient of all weights in one product at the end. Autograd
sees one operation for a whole window instead of several for every tick. Under :func:`torch.vmap`
that operation has an axis of models, and every product is one for each model.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from drmbids.maths.loops.cells import Buffers, Cell, Gated, Rate, add_product, multiplied
from drmbids.maths.loops.loop_plan import (
    N_PARTS,
    Arc,
    Member,
    Plan,
    factor_rows,
    received_rows,
    sent_rows,
)


class _Recurrence(torch.autograd.Function):
    # Takes the plan, then past, drive, weight, extra, factors and state of each member, then the
    # weights of arcs, then their factors; returns the activity of each member, its past included,
    # then the inner buffer of each, then the states of each.

    @staticmethod
    def forward(plan: Plan, *tensors: Any) -> tuple[Tensor, ...]:
        parts = zip(*(iter(tensors[: N_PARTS * len(plan.cells)]),) * N_PARTS, strict=True)
        at = [_begin(Member(cell, *part)) for cell, part in zip(plan.cells, parts, strict=True)]
        inner, activity = [m.inner for m in at], [m.activity for m in at]
        of_arcs, factors = plan.of_arcs(tensors)
        weights = _by_target(plan, [w.mT for w in of_arcs])
        flow = [iter(turns) for turns in plan.flow(at, inner, activity, factors)]
        runs = [c.run(m, k) for c, m, k in zip(plan.cells, at, plan.lengths, strict=True)]
        for i in plan.turns:
            for (received, sent, by), weight in zip(next(flow[i]), weights[i], strict=True):
                add_product(received, sent if by is None else sent * by, weight)
            next(runs[i])
        return (*activity, *inner, *(m.states for m in at))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.plan, *tensors = inputs
        n = len(ctx.plan.cells)
        ctx.mark_non_differentiable(*output[n : 2 * n])
        ctx.set_materialize_grads(False)
        kept = (part for k in (2, 3, 4) for part in tensors[k : N_PARTS * n : N_PARTS])
        ctx.save_for_backward(*kept, *output, *tensors[N_PARTS * n :])

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
        at = [Buffers(*saved[k : N_PARTS * n : n]) for k in range(n)]
        of_arcs, factors = plan.of_arcs(saved)
        weights = _by_target(plan, of_arcs)
        # slopes become the gradient by the inner buffer, turn by turn
        change = [cell.slopes(m) for cell, m in zip(plan.cells, at, strict=True)]
        adjoint = [_adjoint(m.activity, g) for m, g in zip(at, grads[:n], strict=True)]
        at_states = [_adjoint(m.states, g) for m, g in zip(at, grads[2 * n :], strict=True)]
        flow = [reversed(turns) for turns in plan.flow(at, change, adjoint, factors)]
        parts = list(zip(plan.cells, at, change, adjoint, at_states, strict=True))
        runs = [c.adjoin(*part, k) for (c, *part), k in zip(parts, plan.lengths, strict=True)]
        for i in reversed(plan.turns):
            next(runs[i])
            for (received, sent, by), weight in zip(next(flow[i]), weights[i], strict=True):
                if by is None:
                    add_product(sent, received, weight)
                else:
                    sent.addcmul_(received @ weight, by)
        found: list[Tensor | None] = [None]
        wanted = ctx.needs_input_grad[1:]
        for k, part in enumerate(parts):
            found += _member_gradients(*part, wanted[N_PARTS * k + 4])
        by_factors: list[Tensor | None] = []
        wanted = wanted[len(wanted) - len(factors) :]
        for (to, source, ticks), weight, by, asked in zip(
            plan.arcs, of_arcs, factors, wanted, strict=True
        ):
            received = received_rows(plan.cells[to], at[to], change[to])
            sent = sent_rows(at[source], at[source].activity, ticks)
            found.append(received.mT @ (sent if by is None else sent * factor_rows(by)))
            by_factors.append(_arc_factor_gradient(received @ weight * sent, by) if asked else None)
        return (*found, *by_factors)


def _begin(member: Member) -> Buffers:
    """Return the buffers of a member, filled with what is known before the first tick."""
    cell, past, drive, weight, extra, factors, state = member
    at = Buffers(weight, extra, factors, past, drive, past)
    # Arcs are products of rows of ticks and batch, so that time comes first in memory. Where units
    # look back on several ticks it is the batch: they are one stretch then, and one product.
    (*before, depth, _, n), (n_ticks, batch) = past.shape, drive.shape[-3:-1]
    activity = _buffer(drive, (*before, depth + n_ticks, batch, n), at.reach > 1)
    activity[..., :depth, :, :] = past
    inner = _buffer(drive, (*before, n_ticks, batch, cell.n_inner * n), at.reach > 1)
    cell.begin(inner, drive, extra)
    states = drive.new_empty(*before, 0 if state is None else 1 + n_ticks, batch, n)
    if state is not None:
        states[..., 0, :, :] = state
    return at._replace(activity=activity, inner=inner, states=states)


def _buffer(like: Tensor, shape: Sequence[int], batch_first: bool) -> Tensor:
    """Return an empty buffer; ``shape`` is time first, whatever comes first in memory."""
    if not batch_first:
        return like.new_empty(shape)
    *before, n_ticks, batch, n = shape
    return like.new_empty((*before, batch, n_ticks, n)).transpose(-3, -2)


def _arc_factor_gradient(by_rows: Tensor, factors: Tensor | None) -> Tensor | None:
    """Return the gradient by the factors of an arc from that by what they multiply to."""
    if factors is None:
        return None
    if factors.shape[-1] == 1:
        by_rows = by_rows.sum(-1, keepdim=True)
    return by_rows.view(factors.shape)


def _by_target(plan: Plan, weights: Sequence[Tensor]) -> list[list[Tensor]]:
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
    cell: Cell,
    at: Buffers,
    change: Tensor,
    adjoint: Tensor,
    at_states: Tensor,
    factors_asked: bool,
) -> list[Tensor | None]:
    """Return the gradients by past, drive, weight, extra, factors and state of a member."""
    n, depth = at.activity.shape[-1], adjoint.shape[-3] - at.n_ticks
    by_weight = by_extra = by_factors = None
    if at.weight is not None:
        before = at.later(at.activity, at.reach)[..., :-1, :, :]
        seen = before.unfold(-3, at.reach, 1).transpose(-2, -1).flatten(-2)
        reached = change[..., : at.weight.shape[-2]]
        by_weight = reached.flatten(-3, -2).mT @ multiplied(seen, at.factors).flatten(-3, -2)
        if factors_asked and at.factors is not None:
            each = (reached @ at.weight.unsqueeze(-3)).unflatten(-1, (at.factors.shape[-1], -1))
            by_factors = (each @ seen.unsqueeze(-1)).squeeze(-1)
    if at.extra is not None:
        by_extra = cell.extra_gradient(at, change, adjoint, at_states)
    by_drive = change[..., -cell.from_others * n :]
    by_state = at_states[..., 0, :, :] if at_states.shape[-3] else None
    return [adjoint[..., :depth, :, :], by_drive, by_weight, by_extra, by_factors, by_state]


def loop_recurrence(
    members: Sequence[Member], arcs: Sequence[Arc], turns: Sequence[tuple[int, int]]
) -> list[tuple[Tensor, Tensor | None]]:
    """Return the activity of populations in a loop over a window, and their states after it.

    Parameters
    ----------
    members : sequence of Member
    arcs : sequence of Arc
        Connections between members, themselves included.
    turns : sequence of (member, n_ticks)
        Whose turn it is, for how many more ticks, in an order in which what arcs read is there.

    Returns
    -------
    list of (Tensor of shape (n_ticks, batch, n_units), Tensor of shape (batch, n_units) or None)
        One for each member, None for one without a state. Can be differentiated once.

    Examples
    --------
    One unit excites another, which hears of it two ticks later:

    >>> import torch
    >>> unit = Member(Rate(torch.relu), torch.zeros(2, 1, 1), torch.ones(4, 1, 1))
    >>> arc = Arc(1, 0, 2, torch.full((1, 1), 0.5))
    >>> _, (second, _) = loop_recurrence([unit, unit], [arc], [(0, 4), (1, 4)])
    >>> second.flatten().tolist()
    [1.0, 1.0, 1.5, 1.5]
    """
    lengths: list[list[int]] = [[] for _ in members]
    for member, n_ticks in turns:
        lengths[member].append(n_ticks)
    order = [member for member, _ in turns]
    plan = Plan([m.cell for m in members], [arc[:3] for arc in arcs], order, lengths)
    tensors = [part for m in members for part in m[1:]]
    of_arcs = (*(arc.weight for arc in arcs), *(arc.factors for arc in arcs))
    found = _Recurrence.apply(plan, *tensors, *of_arcs)
    n = len(members)
    return [
        (series[m.past.shape[0] :], None if m.state is None else states[-1])
        for m, series, states in zip(members, found[:n], found[2 * n :], strict=True)
    ]


def delayed_recurrence(
    past: Tensor,
    drive: Tensor,
    weight: Tensor,
    phi: Callable[[Tensor], Tensor],
    dynamics: Tensor | None = None,
    state: Tensor | None = None,
    factors: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Return the activity of rate units with delayed feedback over a window, and their state.

    With the rate ``p(t) = phi(u(t) + sum_k f_k(t) sum_d W_kd y(t - d))``, the state goes to
    ``s(t) = s(t - 1) + approach (p(t) - s(t - 1))``, and activity is its mean over the tick,
    ``y(t) = (1 - late) s(t - 1) + late s(t)`` (:mod:`drmbids.maths.loops.first_order`).

    With factors 1 and stimuli this is the bilinear form of DCM (Friston, Harrison and Penny 2003,
    NeuroImage 19:1273): ``W_0`` its A, the others its B.

    Parameters
    ----------
    past : Tensor of shape (depth, batch, n_units)
        Activity before the window, as many ticks as the longest delay, at least one.
    drive : Tensor of shape (n_ticks, batch, n_units)
        Input from elsewhere, bias included.
    weight : Tensor of shape (n_units, n_factors * depth * n_units)
        For each factor, weights on the last ``depth`` ticks, the oldest first: columns
        ``(depth - d) * n_units`` and on belong to a delay of ``d`` ticks.
    phi : callable
        Elementwise nonlinearity.
    dynamics : Tensor of shape (2, n_units), optional
        ``approach`` and ``late``, 1 and 1 for a unit without memory; None where no unit has one,
        and activity is the rate.
    state : Tensor of shape (batch, n_units), optional
        ``s`` before the window, where there are dynamics.
    factors : Tensor of shape (n_ticks, batch, n_factors), optional
        Known before; one that is 1 when absent.

    Returns
    -------
    activity : Tensor of shape (n_ticks, batch, n_units)
        Can be differentiated once.
    state : Tensor of shape (batch, n_units) or None
        After the window.

    Examples
    --------
    >>> import torch
    >>> past, drive = torch.zeros(1, 1, 1), torch.ones(3, 1, 1)
    >>> y, _ = delayed_recurrence(past, drive, torch.full((1, 1), 0.5), torch.relu)
    >>> y.flatten().tolist()
    [1.0, 1.5, 1.75]
    """
    member = Member(Rate(phi), past, drive, weight, dynamics, factors, state)
    return loop_recurrence([member], [], [(0, len(drive))])[0]


def gated_recurrence(
    past: Tensor, drive: Tensor, weight: Tensor, bias: Tensor, factors: Tensor | None = None
) -> Tensor:
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
    weight : Tensor of shape (3 * n_units or 4 * n_units, n_factors * depth * n_units)
        For each factor, weights on the last ``depth`` ticks, the oldest first: of ``m``, reset gate
        and update gate, and where there is delayed feedback, of the candidate.
    bias : Tensor of shape (n_units,)
        Of ``m``.
    factors : Tensor of shape (n_ticks, batch, n_factors), optional
        What weights are multiplied by, known before; one that is 1 when absent.

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
    member = Member(Gated(), past, drive, weight, bias, factors)
    return loop_recurrence([member], [], [(0, len(drive))])[0][0]
