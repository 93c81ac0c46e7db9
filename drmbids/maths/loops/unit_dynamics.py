"""Units that follow an equation of their own and hear each other through delays, compiled.

``x_i(t) = step(x_i(t - 1), u_i(t))`` with ``u_i(t) = drive_i(t) + g sum_k w_ik y(t - d_ik)``, what
is heard ``y`` the first variable, activity, or another. All ticks of a window are one call of
machine code, which numba makes of the loops below and of the step of one unit
(:mod:`drmbids.maths.loops.scalar_code`); the backward pass is the same loop in reverse, with the
step's transposed derivative.

Why so: 84 regions with 6,972 delays, forward and backward, one CPU core. One call of small tensor
operations a step takes 60 us a tick. torch.compile makes the step cheap, but not its calls (13 us
for each block of as many ticks as the shortest delay), and its gather of delayed activity (9 us a
tick) is slower than index_select and a product (6 us). The loops below take 4 us for the delays and
1 us for the step, no memory but the trajectory, and no compiler on the user's machine.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from drmbids.data.tools.exceptions import DeviceError
from drmbids.maths.loops.scalar_code import compile_code, jit
from drmbids.maths.loops.unit_code import UnitCode


@dataclass(frozen=True)
class Taps:
    """Which activity each unit hears.

    Parameters
    ----------
    ticks, sources : Tensor of shape (n_units, n_taps), int64
        How many ticks ago, at least one, and of which unit.
    weights : Tensor of shape (n_units, n_taps)
    strength : Tensor of shape ()
        The factor ``g``.
    past : Tensor of shape (depth, batch, n_units)
        What could be heard before the window, at least as many ticks as the longest delay.
    """

    ticks: Tensor
    sources: Tensor
    weights: Tensor
    strength: Tensor
    past: Tensor


def run_units(
    code: UnitCode,
    state: Tensor,
    inputs: Tensor,
    parameters: Tensor,
    taps: Taps | None = None,
    heard: int = 0,
) -> tuple[Tensor, Tensor]:
    """Return the activity of units over a window and their state after it.

    Parameters
    ----------
    code : UnitCode
    state : Tensor of shape (batch, n_states, n_units)
        Before the window.
    inputs : Tensor of shape (n_ticks, batch, n_inputs, n_units)
        What they hear through the taps is added to the first.
    parameters : Tensor of shape (n_parameters, n_units)
    taps : Taps, optional
        None where the units do not hear each other.
    heard : int
        Which variable they hear of each other; activity is the first.

    Returns
    -------
    activity : Tensor of shape (n_ticks, batch, n_units)
        Can be differentiated once.
    state : Tensor of shape (batch, n_states, n_units)

    Raises
    ------
    DeviceError
        If a tensor is not on the CPU.
    UsageError
        If numba is not installed.

    Examples
    --------
    >>> import torch
    >>> from importlib.util import find_spec
    >>> from drmbids.maths.loops.unit_code import unit_code
    >>> code = unit_code(lambda x, u, a: (a * x + u,), 1, 1, 1, (0,))
    >>> if find_spec("numba"):
    ...     y, _ = run_units(
    ...         code, torch.zeros(1, 1, 1), torch.ones(3, 1, 1, 1), torch.tensor([[0.5]])
    ...     )
    ...     assert y.flatten().tolist() == [1.0, 1.5, 1.75]
    """
    if inputs.device.type != "cpu":
        raise DeviceError(
            f"compiled masses run on the CPU, not on {inputs.device}; leave out compiled=True there"
        )
    batch, n = state.shape[0], state.shape[-1]
    if taps is None:
        none = torch.zeros(n, 0, dtype=torch.int64)
        silent = state.new_zeros(n, 0), state.new_zeros(()), state.new_zeros(0, batch, n)
        taps = Taps(none, none, *silent)
    return _Units.apply(
        taps.past,
        state,
        inputs,
        parameters,
        taps.weights,
        taps.strength,
        taps.ticks,
        taps.sources,
        code,
        heard,
    )


class _Units(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        past: Tensor,
        state: Tensor,
        inputs: Tensor,
        parameters: Tensor,
        weights: Tensor,
        strength: Tensor,
        ticks: Tensor,
        sources: Tensor,
        code: UnitCode,
        row: int,
    ) -> tuple[Tensor, Tensor]:
        n_ticks, batch, _, n = inputs.shape
        depth = past.shape[0]
        activity = torch.cat((past, past.new_empty(n_ticks, batch, n)))
        states = state.new_empty(n_ticks + 1, *state.shape)
        states[0] = state
        heard = activity.new_empty(n_ticks, batch, n)
        offsets = (depth - ticks) * (batch * n) + sources
        kept = [x.contiguous() for x in (inputs, parameters, weights)]
        arrays = [x.detach().numpy() for x in (activity.view(-1), heard, states, *kept)]
        step = _machine(code.step, state)
        jit(_forward)(step, _scalar(strength), row, *arrays, _unsigned(offsets))
        ctx.save_for_backward(activity, heard, states, *kept, strength, ticks, sources)
        ctx.code, ctx.row = code, row
        return states[1:, :, 0].clone() if row else activity[depth:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        saved: tuple[Tensor, ...] = ctx.saved_tensors
        activity, heard, states, inputs, parameters, weights, strength, ticks, sources = saved
        n_ticks, batch, _, n = inputs.shape
        depth = activity.shape[0] - n_ticks
        # by source: by whom what a unit says is heard, and how much later
        order = sources.flatten().argsort(stable=True)
        starts = sources.flatten().bincount(minlength=n).cumsum(0)
        targets = order // max(1, ticks.shape[1])
        later = ticks.flatten()[order] * (batch * n) + targets
        # nothing is heard in the ticks before and after the window
        at_total = inputs.new_zeros(n_ticks + 2 * depth, batch, n)
        at_state = grads[1].clone(memory_format=torch.contiguous_format)
        at_inputs = torch.empty_like(inputs if ctx.needs_input_grad[2] else inputs[:, :, :0])
        at_parameters = parameters.new_zeros(len(ctx.code.trained), n, dtype=torch.float64)
        at_past = activity.new_empty(depth, batch, n)
        at_strength = strength.new_zeros(1, dtype=torch.float64)
        written = (at_total.view(-1), at_state, at_inputs, at_parameters, at_past, at_strength)
        read = (heard, states, inputs, parameters, weights.flatten()[order], grads[0].contiguous())
        jit(_backward)(
            _machine(ctx.code.pull, states),
            _scalar(strength),
            ctx.row,
            *(x.detach().numpy() for x in (*written, *read)),
            _unsigned(later),
            _unsigned(torch.cat((starts.new_zeros(1), starts))),
        )
        at_weights = None
        if ctx.needs_input_grad[4]:
            at_weights = torch.zeros_like(weights, dtype=torch.float64)
            offsets = (depth - ticks) * (batch * n) + sources
            inside = at_total[depth : depth + n_ticks]
            arrays = (x.detach().numpy() for x in (at_weights, activity.view(-1), inside))
            jit(_weight_gradient)(*arrays, _unsigned(offsets))
            at_weights = at_weights.to(weights.dtype)
        gradient = torch.zeros_like(parameters)
        gradient[list(ctx.code.trained)] = at_parameters.to(parameters.dtype)
        return (
            at_past,
            at_state,
            at_inputs if ctx.needs_input_grad[2] else None,
            gradient,
            at_weights,
            at_strength[0].to(strength.dtype),
            None,
            None,
            None,
            None,
        )


def _machine(source: str, like: Tensor) -> Any:
    return compile_code(source, str(like.dtype).removeprefix("torch."))


def _scalar(x: Tensor) -> Any:
    return x.detach().numpy()[()]


def _unsigned(x: Tensor) -> Any:
    # so that numba does not look for places counted from the end
    return x.numpy().astype(np.uint64)


# What follows is Python that numba compiles. Offsets count the elements of a flat buffer that holds
# the past and then the window.


def _forward(
    step: Any,
    strength: Any,
    row: Any,
    activity: Any,
    heard: Any,
    states: Any,
    inputs: Any,
    parameters: Any,
    weights: Any,
    offsets: Any,
) -> None:
    """Fill ``activity``, ``heard`` and ``states`` tick by tick."""
    n_ticks, batch, n = heard.shape
    start = activity.size - heard.size
    drive = np.empty_like(inputs[0, 0])
    for t in range(n_ticks):
        for b in range(batch):
            place = np.uint64((t * batch + b) * n)
            for i in range(n):
                total = strength * 0
                for k in range(weights.shape[1]):
                    total += weights[i, k] * activity[place + offsets[i, k]]
                heard[t, b, i] = total
                for m in range(drive.shape[0]):
                    drive[m, i] = inputs[t, b, m, i]
                drive[0, i] += strength * total
            step(states[t, b], drive, parameters, states[t + 1, b])
            for i in range(n):
                activity[start + (t * batch + b) * n + i] = states[t + 1, b, row, i]


def _backward(
    pull: Any,
    strength: Any,
    row: Any,
    at_total: Any,
    at_state: Any,
    at_inputs: Any,
    at_parameters: Any,
    at_past: Any,
    at_strength: Any,
    heard: Any,
    states: Any,
    inputs: Any,
    parameters: Any,
    weights: Any,
    grad: Any,
    later: Any,
    starts: Any,
) -> None:
    """Fill the gradients from the last tick to the first that was heard."""
    n_ticks, batch, n_inputs, n = inputs.shape
    depth, n_states = at_past.shape[0], at_state.shape[1]
    drive = np.empty_like(inputs[0, 0])
    out = np.empty((n_states + n_inputs + at_parameters.shape[0], n), inputs.dtype)
    for t in range(n_ticks - 1, -depth - 1, -1):
        for b in range(batch):
            first = ((t + depth) * batch + b) * n
            place = np.uint64(first)
            for i in range(n):
                total = strength * 0
                for k in range(starts[i], starts[i + 1]):
                    total += weights[k] * at_total[place + later[k]]
                if t < 0:
                    at_past[t + depth, b, i] = total
                    continue
                at_state[b, 0, i] += grad[t, b, i]
                at_state[b, row, i] += total
                for m in range(n_inputs):
                    drive[m, i] = inputs[t, b, m, i]
                drive[0, i] += strength * heard[t, b, i]
            if t < 0:
                continue
            pull(states[t, b], drive, parameters, at_state[b], out)
            for i in range(n):
                for m in range(n_states):
                    at_state[b, m, i] = out[m, i]
                for m in range(at_inputs.shape[2]):  # none where no gradient is asked for
                    at_inputs[t, b, m, i] = out[n_states + m, i]
                for m in range(at_parameters.shape[0]):
                    at_parameters[m, i] += out[n_states + n_inputs + m, i]
                at_strength[0] += out[n_states, i] * heard[t, b, i]
                at_total[first + i] = strength * out[n_states, i]


def _weight_gradient(at_weights: Any, activity: Any, at_total: Any, offsets: Any) -> None:
    """Add up the gradient of the weights."""
    n_ticks, batch, n = at_total.shape
    for t in range(n_ticks):
        for b in range(batch):
            row = np.uint64((t * batch + b) * n)
            for i in range(n):
                for k in range(at_weights.shape[1]):
                    at_weights[i, k] += at_total[t, b, i] * activity[row + offsets[i, k]]
