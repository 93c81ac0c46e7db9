"""Rate units that feed back on each other through delays, run without a graph through time.

``y(t) = a y(t - 1) + (1 - a) phi(u(t) + sum_d W_d y(t - d))``

The forward pass fills a buffer tick by tick; the backward pass runs the adjoint recurrence the same
way and forms the gradient of all weights in one product at the end. Autograd sees one operation
for a whole window instead of several for every tick.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Recurrence(torch.autograd.Function):
    # Inside, the batch comes first: the last D ticks of one run are then one stretch of memory,
    # and all delays together are one matrix product.

    @staticmethod
    def forward(
        ctx: Any,
        past: Tensor,
        drive: Tensor,
        weight: Tensor,
        decay: Tensor,
        phi: Callable[[Tensor], Tensor],
    ) -> Tensor:
        n_ticks, batch, n = drive.shape
        depth = past.shape[0]
        activity = drive.new_empty(batch, depth + n_ticks, n)
        activity[:, :depth] = past.transpose(0, 1)
        net_input = drive.transpose(0, 1).clone(memory_format=torch.contiguous_format)
        flat, taps = activity.view(batch, -1), weight.t()
        leaky = bool((decay != 0).any())
        for t in range(n_ticks):
            z = net_input[:, t]
            torch.addmm(z, flat[:, t * n : (t + depth) * n], taps, out=z)
            rate = phi(z)
            now = activity[:, depth + t]
            if leaky:
                torch.lerp(rate, activity[:, depth + t - 1], decay, out=now)
            else:
                now.copy_(rate)
        ctx.save_for_backward(weight, decay, activity, net_input)
        ctx.phi, ctx.leaky = phi, leaky
        return activity[:, depth:].transpose(0, 1).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        weight, decay, activity, net_input = ctx.saved_tensors
        batch, n_ticks, n = net_input.shape
        depth = activity.shape[1] - n_ticks
        with torch.enable_grad():
            z = net_input.detach().requires_grad_()
            rate = ctx.phi(z)
        (slope,) = torch.autograd.grad(rate, z, torch.ones_like(rate))
        slope = slope * (1 - decay)
        adjoint = torch.zeros_like(activity)
        adjoint[:, depth:] = grads[0].transpose(0, 1)
        at_input = torch.empty_like(net_input)
        flat = adjoint.view(batch, -1)
        for t in range(n_ticks - 1, -1, -1):
            now = adjoint[:, depth + t]
            back = torch.mul(now, slope[:, t], out=at_input[:, t])
            flat[:, t * n : (t + depth) * n].addmm_(back, weight)
            if ctx.leaky:
                adjoint[:, depth + t - 1].addcmul_(now, decay)
        seen = activity[:, :-1].unfold(1, depth, 1).transpose(2, 3).reshape(-1, depth * n)
        change = activity[:, depth - 1 : -1] - rate.detach()
        return (
            adjoint[:, :depth].transpose(0, 1),
            at_input.transpose(0, 1),
            at_input.reshape(-1, n).t() @ seen,
            (adjoint[:, depth:] * change).sum((0, 1)),
            None,
        )


def delayed_recurrence(
    past: Tensor,
    drive: Tensor,
    weight: Tensor,
    decay: Tensor,
    phi: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return the activity of rate units with delayed feedback over a window.

    Parameters
    ----------
    past : Tensor of shape (depth, batch, n_units)
        Activity before the window, as many ticks as the longest delay, at least one.
    drive : Tensor of shape (n_ticks, batch, n_units)
        Input from elsewhere, bias included.
    weight : Tensor of shape (n_units, depth * n_units)
        Weights on the last ``depth`` ticks, the oldest first: columns ``(depth - d) * n_units``
        and on belong to a delay of ``d`` ticks.
    decay : Tensor of shape (n_units,)
        ``a``; 0 for a unit without memory.
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
    >>> y = delayed_recurrence(past, drive, torch.full((1, 1), 0.5), torch.zeros(1), torch.relu)
    >>> y.flatten().tolist()
    [1.0, 1.5, 1.75]
    """
    return _Recurrence.apply(past, drive, weight, decay, phi)
