"""Whether a net can be run: steps of masses that blow up, and loops whose gain is above 1.

Both are told from the model alone, before any data and training, and cheaply: a mass is linearised
where its slopes vanish, a loop of rate units where its units answer most.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from drmbids.brain.net.graph import Stage
from drmbids.brain.net.parts import NetParts
from drmbids.brain.populations.base import RateForm
from drmbids.brain.populations.mass import Mass
from drmbids.maths.loops.integrators import integrate

#: Steps of Newton's method, far more than it takes where it works at all.
NEWTON_STEPS = 60
#: Steps a tick up to which a remedy is looked for.
MOST_SUBSTEPS = 2**16
#: Units in a loop above which its gain is not worked out: a product for each of many ticks.
MOST_UNITS = 2048
#: Ticks over which a loop's growth is watched, as often as its longest delay.
ROUNDS = 60
#: Growth over a loop's longest delay that counts as such, beyond what rounding and a start leave.
LEAST_GROWTH = 1.05
#: Seconds a tick above which learned delays are not to be trusted: beside a simulator of 5 ms steps
#: (``benchmarks/ticks.py``) a delay errs by 0.015 s in ticks of 0.5 s, 0.04 s in ticks of 1 s and
#: 0.14 s in ticks of 2 s, where predicted BOLD errs by a fifth of its standard deviation.
LONGEST_DELAY_TICK = 1.0
#: Nonlinearities that bound activity, so that no gain makes it grow without end.
BOUNDED = ("tanh", "sigmoid")


def mass_problems(net: NetParts) -> list[str]:
    """Return one line for each mass whose steps are too long for its dynamics.

    Parameters
    ----------
    net : NetParts
    """
    problems = []
    for name, population in zip(net.population_names, net.population_list, strict=True):
        if isinstance(population, Mass):
            found = unstable_step(population)
            if found is not None:
                problems.append(f"{name}: {found}")
    return problems


@torch.no_grad()
def unstable_step(mass: Mass) -> str | None:
    """Return what is wrong with the steps of a mass, None where nothing is.

    Where the equation damps small disturbances of a fixed point and a step of the integrator
    enlarges one, or where disturbances grow or turn by more than 1 in a step, what is computed has
    nothing to do with the equation.

    Parameters
    ----------
    mass : Mass
    """
    p = {name: mass.value(name).double().expand(mass.n_units) for name in mass.constants}
    point = _fixed_point(mass, p)
    rates = torch.linalg.eigvals(_derivative(lambda x: _slopes(mass, x, p), point))
    damped = (rates.real < 0).all(-1)

    def too_long(n_steps: int) -> Tensor:
        step = mass.resolution / n_steps
        jacobian = _derivative(lambda x: _stepped(mass, x, p, step), point)
        finite = torch.isfinite(jacobian).flatten(1).all(-1)
        factors = torch.linalg.eigvals(torch.where(finite[:, None, None], jacobian, 0.0)).abs()
        enlarged = (factors.amax(-1) > 1 + 1e-6) | ~finite
        return torch.where(damped, enlarged, (rates.abs() * step).amax(-1) > 1)

    now = fewest = mass.steps_per_tick
    wrong = too_long(now)
    if not bool(wrong.any()):
        return None
    while bool(too_long(fewest).any()) and fewest < MOST_SUBSTEPS:
        fewest *= 2
    unit, step = int(wrong.nonzero()[0]), mass.resolution / now
    worst = rates[unit][rates[unit].abs().argmax()]
    finer = mass.resolution * now / fewest
    return (
        f"{type(mass).__name__} with an eigenvalue of {_number(worst)}/s, times a step of {step:g} "
        f"s {_number(worst * step)}, is beyond what {mass.integrator} can follow; take "
        f"n_substeps={fewest}, or a resolution of {finer:g} s"
    )


def _number(z: Tensor) -> str:
    return f"{z.real:.3g}" + (f"{z.imag:+.3g}i" if abs(z.imag) > 1e-9 * abs(z) else "")


def _slopes(mass: Mass, point: Tensor, p: dict[str, Tensor]) -> Tensor:
    """Return the slopes without any drive, shape (batch, n_units, n_variables)."""
    state = point.unbind(-1)
    slopes = mass.derivative(state, torch.zeros_like(state[0]), p)
    return torch.stack([s.expand_as(x) for s, x in zip(slopes, state, strict=True)], -1)


def _stepped(mass: Mass, point: Tensor, p: dict[str, Tensor], step: float) -> Tensor:
    """Return where one step of the integrator leads to without any drive."""

    def slope(state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return _slopes(mass, torch.stack(state, -1), p).unbind(-1)

    return torch.stack(integrate(slope, point.unbind(-1), step, mass.integrator), -1)


def _derivative(function: Callable[[Tensor], Tensor], point: Tensor) -> Tensor:
    """Return the derivative for each unit's own variables, ``[unit][of][by]``, by differences.

    All of them in one call, which costs less than differentiating and is exact enough: central
    differences in double precision err by about 1e-10 of the size of the slopes.
    """
    n = point.shape[-1]
    width = 1e-5 * (1 + point.abs())
    away = torch.eye(n, dtype=point.dtype, device=point.device)[:, None] * width
    moved = function(torch.cat((point + away, point - away)))
    return ((moved[:n] - moved[n:]) / (2 * width.movedim(-1, 0)[..., None])).permute(1, 2, 0)


def _fixed_point(mass: Mass, p: dict[str, Tensor]) -> Tensor:
    """Return where each unit's slopes vanish without drive, or else where it starts."""
    start = torch.tensor(mass.initial, dtype=torch.float64, device=mass.weight.device).T
    point, slopes = start, _slopes(mass, start[None], p)[0]
    most = 1e-9 * (1 + slopes.abs().amax(-1, keepdim=True))
    arrived = torch.zeros_like(most, dtype=torch.bool)
    for _ in range(NEWTON_STEPS):
        jacobian = _derivative(lambda x: _slopes(mass, x, p), point)
        point = point - (torch.linalg.pinv(jacobian) @ slopes.unsqueeze(-1)).squeeze(-1)
        if not bool(torch.isfinite(point).all()):
            return start
        slopes = _slopes(mass, point[None], p)[0]
        arrived = slopes.abs().amax(-1, keepdim=True) <= most
        if bool(arrived.all()):
            break
    return torch.where(arrived, point, start)


def delay_problems(net: NetParts) -> list[str]:
    """Return one line where ticks are too long for the delays that are learned.

    Parameters
    ----------
    net : NetParts
    """
    learned = [a for line in net.afferents for a in line if a.connection.learns_delay]
    if not learned or net.resolution <= LONGEST_DELAY_TICK:
        return []
    return [
        f"{len(learned)} learned delays in ticks of {net.resolution:g} s would err by a tenth of a "
        f"second or more; take a resolution of {LONGEST_DELAY_TICK:g} s or less, 0.5 s for 0.02 s"
    ]


def loop_problems(net: NetParts) -> list[str]:
    """Return one line for each loop of rate units whose activity can grow without end.

    Loops of other units, with connections that do more than delay, of bounded units, or of more
    than 2048 units are not looked at.

    Parameters
    ----------
    net : NetParts
    """
    problems = []
    for stage in net.stages:
        growth = loop_growth(net, stage) if stage.block is not None else None
        if growth is not None and growth > LEAST_GROWTH:
            members = ", ".join(net.population_names[k] for k in stage.members)
            problems.append(
                f"loop of {members}: activity grows {growth:.3g} times over its longest delay "
                "where all units are active; weaken its input weights, or take nonlinearity tanh "
                "or sigmoid"
            )
    return problems


@torch.no_grad()
def loop_growth(net: NetParts, stage: Stage) -> float | None:
    """Return by how much a loop's activity grows over its longest delay; None where not known.

    Parameters
    ----------
    net : NetParts
    stage : Stage
        A loop.
    """
    forms = {k: net.population_list[k].loop_form() for k in stage.members}
    inside = {k: [a for a in net.afferents[k] if a.depends_on(stage.members)] for k in forms}
    plain = all(a.is_plain for line in inside.values() for a in line)
    units = {k: net.population_list[k].n_units for k in forms}
    rates = {k: f for k, f in forms.items() if isinstance(f, RateForm)}
    bounded = any(f.nonlinearity in BOUNDED for f in rates.values())
    if len(rates) < len(forms) or not plain or bounded or sum(units.values()) > MOST_UNITS:
        return None
    depth = max(1, *(a.ticks for line in inside.values() for a in line))
    generator = torch.Generator().manual_seed(0)
    past = {
        k: [torch.rand(n, generator=generator, dtype=torch.float64) for _ in range(depth + 1)]
        for k, n in units.items()
    }
    states = {k: line[-1] for k, line in past.items()}
    weights = {k: _columns_of(net, k) for k in forms}
    sizes = []
    for _ in range(ROUNDS):
        for _ in range(depth):
            # a connection without delay comes from a member that is there already
            now = dict.fromkeys(forms, torch.empty(0))
            for k in stage.members:
                ago = [(now if a.ticks == 0 else None, a) for a in inside[k]]
                heard = [
                    weights[k][a] @ (there[a.source] if there else past[a.source][-a.ticks])
                    for there, a in ago
                ]
                form = rates[k]
                total = torch.stack(heard).sum(0) if heard else torch.zeros_like(states[k])
                approach, late = (
                    (1.0, 1.0) if form.dynamics is None else form.dynamics.double().cpu()
                )
                step = approach * (total - states[k])
                now[k], states[k] = states[k] + late * step, states[k] + step
            for k in forms:
                past[k] = [*past[k][1:], now[k]]
        lines = [*past.values(), list(states.values())]
        size = torch.stack([x.square().sum() for line in lines for x in line]).sum().sqrt()
        if not size > 0:
            return 0.0
        sizes.append(size.item())
        past = {k: [x / size for x in line] for k, line in past.items()}
        states = {k: x / size for k, x in states.items()}
    late = sizes[len(sizes) // 2 :]
    return math.exp(sum(math.log(s) for s in late) / len(late))


def _columns_of(net: NetParts, node: int) -> dict[object, Tensor]:
    """Return the input weights of a rate population on each of its afferents."""
    form = net.population_list[node].loop_form()
    assert isinstance(form, RateForm)
    widths = [
        a.connection.n_arriving(
            len(net.stimuli[net.stimulus_names[a.source]])
            if a.is_stimulus
            else net.population_list[a.source].n_units
        )
        for a in net.afferents[node]
    ]
    parts = form.weight.detach().double().cpu().split(widths, dim=1)
    return dict(zip(net.afferents[node], parts, strict=True))
