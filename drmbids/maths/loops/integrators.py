"""One step of ``dX/dt = f(X)``, with the input held constant over it.

A state is a tuple of tensors, one for each variable, and ``f`` gives a tuple of the same. The
methods and their orders are those of Hairer, Norsett and Wanner 1993, Solving Ordinary Differential
Equations I, II.1; with noise in ``f`` that is constant over a step, ``heun`` is the stochastic Heun
method (Ruemelin 1982, SIAM J Numer Anal 19:604).
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from drmbids.data.tools.exceptions import ModelError, UsageError

State = tuple[Tensor, ...]
Derivative = Callable[[State], State]

#: Names of integrators, as model files use them.
Integrator = Literal["euler", "exponential_euler", "heun", "rk4"]


def euler(derivative: Derivative, state: State, dt: float) -> State:
    """Return the state after a step of Euler's method, order 1.

    Parameters
    ----------
    derivative : callable
        Gives dX/dt, a tuple of tensors, for a state.
    state : tuple of Tensor
    dt : float
        In the unit of time of the derivative.

    Returns
    -------
    tuple of Tensor

    Examples
    --------
    >>> import torch
    >>> euler(lambda state: (-state[0],), (torch.ones(1),), 0.25)
    (tensor([0.7500]),)
    """
    return _moved(state, derivative(state), dt)


def exponential_euler(derivative: Derivative, state: State, dt: float) -> State:
    """Return the state after a step that is exact where each variable decays linearly.

    ``X + dt f(X) (exp(dt J) - 1) / (dt J)``, ``J`` the slope of each variable's derivative in
    itself; order 1, order 2 for a single variable. It is stable for time constants shorter than the
    step (Hochbruck and Ostermann 2010, Acta Numerica 19:209, the diagonal of their exponential
    Rosenbrock-Euler method).

    Parameters
    ----------
    derivative, state, dt
        See :func:`euler`.

    Returns
    -------
    tuple of Tensor

    Examples
    --------
    >>> import torch
    >>> exponential_euler(lambda state: (-state[0],), (torch.ones(1),), 0.25)  # exp(-0.25)
    (tensor([0.7788]),)
    """
    now = derivative(state)
    after = []
    for k, (x, slope) in enumerate(zip(state, now, strict=True)):

        def own(value: Tensor, k: int = k) -> Tensor:
            return derivative((*state[:k], value, *state[k + 1 :]))[k]

        # elements are on their own, so ones give the diagonal
        pull = torch.func.vjp(own, x)[1]
        (growth,) = pull(torch.ones_like(x))
        z = dt * growth
        flat = z.abs() < 1e-5  # where the quotient is 0/0; the next term is below rounding
        safe = torch.where(flat, 1.0, z)
        quotient = torch.where(flat, 1 + z / 2 + z * z / 6, torch.expm1(safe) / safe)
        after.append(x + dt * slope * quotient)
    return tuple(after)


def heun(derivative: Derivative, state: State, dt: float) -> State:
    """Return the state after a step of Heun's method, order 2.

    Parameters
    ----------
    derivative, state, dt
        See :func:`euler`.

    Returns
    -------
    tuple of Tensor

    Examples
    --------
    >>> import torch
    >>> heun(lambda state: (-state[0],), (torch.ones(1),), 0.25)
    (tensor([0.7812]),)
    """
    first = derivative(state)
    second = derivative(_moved(state, first, dt))
    both = tuple(a + b for a, b in zip(first, second, strict=True))
    return _moved(state, both, 0.5 * dt)


def rk4(derivative: Derivative, state: State, dt: float) -> State:
    """Return the state after a step of the classical Runge-Kutta method, order 4.

    Parameters
    ----------
    derivative, state, dt
        See :func:`euler`.

    Returns
    -------
    tuple of Tensor

    Examples
    --------
    >>> import torch
    >>> rk4(lambda state: (-state[0],), (torch.ones(1),), 0.25)
    (tensor([0.7788]),)
    """
    k1 = derivative(state)
    k2 = derivative(_moved(state, k1, 0.5 * dt))
    k3 = derivative(_moved(state, k2, 0.5 * dt))
    k4 = derivative(_moved(state, k3, dt))
    total = tuple(a + 2 * b + 2 * c + d for a, b, c, d in zip(k1, k2, k3, k4, strict=True))
    return _moved(state, total, dt / 6)


INTEGRATORS: dict[Integrator, Callable[[Derivative, State, float], State]] = {
    "euler": euler,
    "exponential_euler": exponential_euler,
    "heun": heun,
    "rk4": rk4,
}


def integrate(
    derivative: Derivative,
    state: State,
    duration: float,
    integrator: Integrator = "heun",
    n_substeps: int = 1,
) -> State:
    """Return the state after ``duration``, in steps of equal length.

    Parameters
    ----------
    derivative : callable
        Gives dX/dt for a state.
    state : tuple of Tensor
    duration : float
        In the unit of time of the derivative.
    integrator : {"euler", "exponential_euler", "heun", "rk4"}
    n_substeps : int
        Steps, at least one.

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    ModelError
        If the integrator is unknown.
    UsageError
        If there is no step.

    Examples
    --------
    >>> import torch
    >>> integrate(lambda state: (-state[0],), (torch.ones(1),), 1.0, "heun", n_substeps=10)
    (tensor([0.3685]),)
    """
    check_integrator(integrator, n_substeps)
    step = INTEGRATORS[integrator]
    for _ in range(n_substeps):
        state = step(derivative, state, duration / n_substeps)
    return state


def integrate_mean(
    derivative: Derivative,
    output: Callable[[State], Tensor],
    state: State,
    duration: float,
    integrator: Integrator = "heun",
    n_substeps: int = 1,
) -> tuple[State, Tensor]:
    """Return the state after ``duration``, and the mean of an output over it, by trapezoids.

    Its own error is of order 2; the error of the state comes to it.

    Parameters
    ----------
    derivative : callable
        Gives dX/dt for a state.
    output : callable
        Gives a tensor for a state.
    state, duration, integrator, n_substeps
        See :func:`integrate`.

    Returns
    -------
    state : tuple of Tensor
    mean : Tensor

    Examples
    --------
    The mean of ``exp(-t)`` from 0 to 1 is 0.6321:

    >>> import torch
    >>> decay, first = (lambda state: (-state[0],)), (lambda state: state[0])
    >>> _, mean = integrate_mean(decay, first, (torch.ones(1),), 1.0, "rk4", n_substeps=10)
    >>> mean
    tensor([0.6326])
    """
    check_integrator(integrator, n_substeps)
    total = 0.5 * output(state)
    for k in range(n_substeps):
        state = INTEGRATORS[integrator](derivative, state, duration / n_substeps)
        total = total + (0.5 if k + 1 == n_substeps else 1.0) * output(state)
    return state, total / n_substeps


def check_integrator(integrator: str, n_substeps: int) -> None:
    """Raise where there is no such integrator or no step."""
    if integrator not in INTEGRATORS:
        raise ModelError(
            f"unknown integrator {integrator!r}; choose one of: {', '.join(INTEGRATORS)}"
        )
    if n_substeps < 1:
        raise UsageError(f"n_substeps must be at least 1, got {n_substeps}")


def _moved(state: State, slope: State, dt: float) -> State:
    return tuple(x + dt * s for x, s in zip(state, slope, strict=True))
