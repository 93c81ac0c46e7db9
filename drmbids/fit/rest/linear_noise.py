"""The stochastic activity of coupled masses in closed form: the linear noise approximation.

Around the state at which nothing moves, small noise makes a network a linear filter::

    dX_i/dt = J_i X_i + B_i sum_j C_ij x_j(t - d_ij) + noise,    x_j the first variable of X_j

so that at the frequency f, with ``s = 2 pi sqrt(-1) f``::

    x(f) = (1 - T(f) C exp(-s d))^-1 N(f)
    T_i = e_1 (s - J_i)^-1 B_i,   N_i = e_1 (s - J_i)^-1 noise_i

and the cross-spectra of all units are a product of small matrices: no simulation, no sampling
error, and gradients by autograd for everything, delays included (Gardiner 2009, Stochastic Methods,
4.5.6, without delays; for whole-brain models Deco et al. 2013, J Neurosci 33:11239, and, in the
frequency domain, Raj et al. 2020, Hum Brain Mapp 41:2980).
"""

from collections.abc import Callable, Sequence
from math import inf, pi

import torch
from torch import Tensor

from drmbids.data.tools.exceptions import TrainingError
from drmbids.maths.signals.gram import gram

State = tuple[Tensor, ...]
#: dX/dt, one tensor of shape (n,) for each variable, of the variables and the drives (n,).
UnitDerivative = Callable[[State, Tensor], State]

#: Steps to a steady state at most. Each is as much longer than the one before as motion has slowed
#: down, within a factor: short steps follow the dynamics from the start, long ones are those of
#: Newton's method (switched evolution relaxation; Mulder and van Leer 1985, J Comput Phys 59:232).
N_STEPS, FACTOR = 300, 2.0
#: From a state near by: Newton steps at most, and how far they may lead, as a share of its size.
N_NEAR, REACH = 8, 1.0


def steady_state(
    derivative: UnitDerivative,
    start: Sequence[float] | None,
    coupling: Tensor,
    step: float,
    near: Tensor | None = None,
) -> State:
    """Return the state that coupled units settle at, with its gradient.

    Parameters
    ----------
    derivative : callable
        Of the units; elementwise.
    start : sequence of float, optional
        Where the variables begin; without it there is only the state near another.
    coupling : Tensor of shape (n, n)
        What each unit hears of the first variable of the others.
    step : float
        Seconds of the first step of relaxation.
    near : Tensor of shape (n_variables, n), optional
        A steady state for other parameters; the one close to it is taken, if there is one.

    Returns
    -------
    tuple of Tensor of shape (n,)
        The gradient is that of the implicit function.

    Raises
    ------
    TrainingError
        If no state is found at which nothing moves, as where units oscillate.
    """
    n = len(coupling)
    fixed = coupling.detach()
    state = None if near is None else _state_near(derivative, near, fixed, step)
    if state is None:
        if start is None:
            raise TrainingError("no steady state of the masses is near the one before")
        state = _state_from(derivative, start, fixed, step)
    # a Newton step from the solution is the solution, and has its gradient
    held = state.split(n)
    with torch.no_grad():
        inverse = torch.linalg.inv(jacobian(derivative, held, fixed))
    moved = inverse @ torch.cat(derivative(held, coupling @ held[0]))
    return tuple(s - m for s, m in zip(held, moved.split(n), strict=True))


def _state_near(
    derivative: UnitDerivative, near: Tensor, fixed: Tensor, step: float
) -> Tensor | None:
    """Return the steady state close to another, by Newton's method; None where there is none."""
    n, state, before = len(fixed), near.reshape(-1), near.reshape(-1)
    reach = REACH * near.abs().amax(-1, keepdim=True).expand_as(near).reshape(-1)
    for _ in range(N_NEAR):
        slope, in_all = _slope_and_jacobian(derivative, state.split(n), fixed)
        if slope.abs().max().item() * step < 1e-13:
            return state
        state = state - torch.linalg.solve(in_all, slope)
        if not bool(((state - before).abs() <= reach).all()):
            return None
    return None


def _slope_and_jacobian(
    derivative: UnitDerivative, state: State, fixed: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the slopes of all variables and their slopes in all others, without a graph."""
    with torch.no_grad():
        slopes, in_state, in_drive = _slopes(derivative, state, fixed @ state[0])
        return torch.cat(slopes), network_jacobian(in_state, in_drive, fixed)


def _state_from(
    derivative: UnitDerivative, start: Sequence[float], fixed: Tensor, step: float
) -> Tensor:
    """Return the state that units settle at from where they start, or raise."""
    n = len(fixed)
    with torch.no_grad():
        state = torch.tensor(start, dtype=fixed.dtype).repeat_interleave(n)
        eye, size, before, h = torch.eye(len(state), dtype=fixed.dtype), inf, inf, step
        moved = torch.zeros_like(state)
        for _ in range(N_STEPS):
            slope, in_all = _slope_and_jacobian(derivative, state.split(n), fixed)
            size = slope.abs().max().item() * step
            if size < 1e-13:
                break
            if not size < FACTOR * before:  # too long a step: back, and shorter
                state, h, before = state - moved, h / FACTOR**3, inf
                continue
            h *= min(FACTOR, max(1 / FACTOR, before / size))
            # implicit Euler with one Newton iteration
            moved, before = torch.linalg.solve(eye / h - in_all, slope), size
            state = state + moved
    if not size < 1e-9:
        raise TrainingError(
            "the masses settle at no steady state, of which the linear noise approximation needs "
            "one; take a weaker coupling, or fit statistics of simulations"
        )
    return state


def unit_slopes(derivative: UnitDerivative, state: State, drive: Tensor) -> tuple[Tensor, Tensor]:
    """Return the slopes of the units' derivatives in their variables and in the drive.

    Parameters
    ----------
    derivative : callable
    state : tuple of Tensor of shape (n,)
    drive : Tensor of shape (n,)

    Returns
    -------
    in_state : Tensor of shape (n, n_variables, n_variables)
        ``[unit, of, in]``.
    in_drive : Tensor of shape (n, n_variables)
    """
    return _slopes(derivative, state, drive)[1:]


def _slopes(
    derivative: UnitDerivative, state: State, drive: Tensor
) -> tuple[State, Tensor, Tensor]:
    """Return the units' derivatives, without a graph, and what :func:`unit_slopes` returns."""
    # copies: the drive follows from the state, and a slope in the state is one at that drive
    at = tuple(
        x.clone() if x.requires_grad else x.detach().requires_grad_() for x in (*state, drive)
    )
    graph = torch.is_grad_enabled()
    with torch.enable_grad():
        slopes = derivative(at[:-1], at[-1])
        # units are on their own, so sums give the diagonal
        rows = [
            torch.autograd.grad(
                slope.sum(),
                at,
                retain_graph=True,
                create_graph=graph,
                allow_unused=True,
                materialize_grads=True,
            )
            for slope in slopes
        ]
    in_all = torch.stack([torch.stack(row, -1) for row in rows], -2)
    if not graph:
        in_all = in_all.detach()
    values = tuple(s.detach().expand_as(drive) for s in slopes)
    return values, in_all[..., :-1], in_all[..., -1]


def jacobian(derivative: UnitDerivative, state: State, coupling: Tensor) -> Tensor:
    """Return the slope of all variables in all others, without delays.

    Parameters
    ----------
    derivative : callable
    state : tuple of Tensor of shape (n,)
    coupling : Tensor of shape (n, n)

    Returns
    -------
    Tensor of shape (n_variables * n, n_variables * n)
        Units of the first variable, then of the next.
    """
    return network_jacobian(*unit_slopes(derivative, state, coupling @ state[0]), coupling)


def network_jacobian(in_state: Tensor, in_drive: Tensor, coupling: Tensor) -> Tensor:
    """Return the slope of all variables in all others from those of the units, without delays.

    Parameters
    ----------
    in_state, in_drive : Tensor
        From :func:`unit_slopes`.
    coupling : Tensor of shape (n, n)

    Returns
    -------
    Tensor of shape (n_variables * n, n_variables * n)
    """
    n_variables = in_state.shape[-1]
    blocks = [
        [
            torch.diag(in_state[:, i, j])
            + (in_drive[:, i, None] * coupling if j == 0 else torch.zeros_like(coupling))
            for j in range(n_variables)
        ]
        for i in range(n_variables)
    ]
    return torch.cat([torch.cat(row, 1) for row in blocks])


def unit_responses(
    in_state: Tensor, in_drive: Tensor, frequencies: Tensor
) -> tuple[Tensor, Tensor]:
    """Return how the first variable of each unit follows its drive and its noise.

    Parameters
    ----------
    in_state, in_drive : Tensor
        From :func:`unit_slopes`.
    frequencies : Tensor of shape (n_frequencies,)
        Hz.

    Returns
    -------
    to_drive : Tensor of shape (n_frequencies, n), complex
    to_noise : Tensor of shape (n_frequencies, n, n_variables), complex
        To the noise of each variable.
    """
    s = 2j * pi * frequencies
    eye = torch.eye(in_state.shape[-1], dtype=s.dtype)
    # the first row of the inverse is the solution for the transpose
    wanted = eye[:1].expand(len(s), len(in_state), -1)
    to_noise = torch.linalg.solve((s[:, None, None, None] * eye - in_state).mT, wanted)
    return (to_noise * in_drive).sum(-1), to_noise


def network_spectra(
    in_state: Tensor,
    in_drive: Tensor,
    coupling: Tensor,
    delays: Tensor,
    noise: Tensor,
    frequencies: Tensor,
) -> Tensor:
    """Return the two-sided cross-spectral densities of the first variable of coupled units.

    Parameters
    ----------
    in_state, in_drive : Tensor
        From :func:`unit_slopes`.
    coupling, delays : Tensor of shape (n, n)
        ``[to, from]``; seconds.
    noise : Tensor of shape (n,) or ()
        Standard deviation of the noise of each variable after one second (1/sqrt(s)).
    frequencies : Tensor of shape (n_frequencies,)
        Hz.

    Returns
    -------
    Tensor of shape (n_frequencies, n, n), complex
        ``S_ij = <x_i conj(x_j)>``, squared activity a Hz.

    Examples
    --------
    One unit with a decay of 2/s, driven by noise: ``1 / (4 + (2 pi f)^2)``:

    >>> import torch
    >>> one, none = torch.ones(1, 1), torch.zeros(1, 1)
    >>> network_spectra(-2 * one[None], one, none, none, one[0], torch.tensor([0.0])).real.item()
    0.25
    """
    to_drive, to_noise = unit_responses(in_state, in_drive, frequencies)
    heard = coupling
    if delays.requires_grad or bool(delays.any()):
        heard = coupling * torch.exp(-2j * pi * frequencies[:, None, None] * delays)
    loop = torch.eye(len(coupling), dtype=to_drive.dtype) - to_drive.unsqueeze(-1) * heard
    alone = (to_noise.real.square() + to_noise.imag.square()).sum(-1).sqrt() * noise
    mixed = torch.linalg.solve(loop, torch.diag_embed(alone.to(loop.dtype)))
    return gram(mixed)


def unstable_modes(
    in_state: Tensor,
    in_drive: Tensor,
    coupling: Tensor,
    delays: Tensor,
    highest: float,
    n_frequencies: int = 400,
) -> int:
    """Return how many modes of the network grow, delays included; 0 where it is stable.

    Counts how often ``det(1 - T(f) C exp(-s d))`` turns around 0 as the frequency goes from minus
    to plus infinity (the argument principle, as in Nyquist's criterion), after the growing modes of
    the units alone.

    Parameters
    ----------
    in_state, in_drive, coupling, delays : Tensor
        As for :func:`network_spectra`.
    highest : float
        Hz; well above the fastest mode.
    n_frequencies : int
        Of the grid on which the angle is followed, half of them evenly, half in even ratios.

    Returns
    -------
    int

    References
    ----------
    Nyquist 1932, Bell Syst Tech J 11:126-147.
    """
    with torch.no_grad():
        half = n_frequencies // 2
        even = torch.linspace(0.0, highest, half, dtype=coupling.dtype)
        ratios = torch.logspace(-4, 0, half, dtype=coupling.dtype) * highest
        grid = torch.cat((even, ratios)).sort().values
        to_drive, _ = unit_responses(in_state, in_drive, grid)
        heard = coupling * torch.exp(-2j * pi * grid[:, None, None] * delays)
        loop = torch.eye(len(coupling), dtype=heard.dtype) - to_drive.unsqueeze(-1) * heard
        sign = torch.linalg.slogdet(loop).sign
        turned = (sign[1:] * sign[:-1].conj()).angle().sum().item()
        # the determinant is real at 0, 1 at infinity, and mirrored at negative frequencies
        turned -= (sign[-1] / sign[-1].abs()).angle().item()
        alone = torch.linalg.eigvals(in_state).real
        return round(-turned / pi) + int((alone > 0).sum())
