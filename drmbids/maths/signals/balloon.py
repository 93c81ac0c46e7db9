"""The balloon model: from neural activity through blood flow, volume and oxygen to BOLD signal.

Activity ``x`` drives a vasodilatory signal ``s`` and blood flow ``f``; flow inflates a venous
balloon of volume ``v`` that holds deoxyhaemoglobin ``q``, all but ``s`` relative to rest (Friston
et al. 2000, NeuroImage 12:466-477, equations 3, 6 and 7; Friston et al. 2003, NeuroImage
19:1273-1302)::

    ds/dt = efficacy x - decay s - autoregulation (f - 1)
    df/dt = s
    transit dv/dt = f - v^(1/stiffness)
    transit dq/dt = f E(f) / E(1) - v^(1/stiffness) q / v,   E(f) = 1 - (1 - extraction)^(1/f)
"""

import torch
from torch import Tensor

#: Blood flow relative to rest below which the linear equation of flow is bent so that flow stays
#: positive. Measured deactivations take flow to 0.7-0.9 of rest, never near to it.
LOWEST_EXACT_FLOW = 0.5

#: Fraction of a voxel that is venous blood at rest, and 1/s at 1.5 T: frequency offset at the
#: surface of a vessel full of deoxygenated blood, and slope of the intravascular relaxation rate
#: over oxygen extraction (Stephan et al. 2007, NeuroImage 38:387-401, after Obata et al. 2004,
#: NeuroImage 21:144-153).
BLOOD_VOLUME, FREQUENCY_OFFSET, RELAXATION_SLOPE = 0.04, 40.3, 25.0


def blood_flow(
    activity: Tensor, step: float, efficacy: Tensor, decay: Tensor, autoregulation: Tensor
) -> Tensor:
    """Return blood flow relative to rest at the borders of steps, from rest.

    The equations are linear, and solved exactly for activity that is constant within a step. Where
    the solution ``f`` falls below ``c = LOWEST_EXACT_FLOW`` it is replaced by ``c exp(f / c - 1)``,
    which goes on with the same slope and stays positive: the balloon has no solution without flow.

    Parameters
    ----------
    activity : Tensor of shape (n_steps, batch, n_units)
    step : float
        Seconds.
    efficacy, decay, autoregulation : Tensor of shape (n_units,) or (1,)
        In 1/s^2 per unit of activity, 1/s, and 1/s^2.

    Returns
    -------
    Tensor of shape (n_steps + 1, batch, n_units)

    Examples
    --------
    >>> import torch
    >>> half, steady = torch.tensor([0.5]), torch.ones(2000, 1, 1)
    >>> flow = blood_flow(steady, 0.05, half, half, half)
    >>> round(float(flow[-1]), 4)
    2.0
    """
    one, zero = torch.ones_like(efficacy), torch.zeros_like(efficacy)
    rows = (-decay, -autoregulation, efficacy, one, zero, zero, zero, zero, zero)
    moved = torch.linalg.matrix_exp(step * torch.stack(rows, -1).unflatten(-1, (3, 3)))
    power, from_activity = moved[:, :2, :2], moved[:, :2, 2].mT.unsqueeze(1)
    states = from_activity * activity.unsqueeze(1)
    # sums over the past by doubling, as in functional.scan, with a matrix for a decay
    reach = 1
    while reach < len(states):
        past = torch.einsum("nij,tjbn->tibn", power.expand(states.shape[-1], 2, 2), states[:-reach])
        states = torch.cat((states[:reach], states[reach:] + past))
        reach, power = 2 * reach, power @ power
    flow = 1 + torch.cat((torch.zeros_like(states[:1, 1]), states[:, 1]))
    bent = LOWEST_EXACT_FLOW * torch.exp((flow / LOWEST_EXACT_FLOW - 1).clamp(max=0.0))
    return torch.where(flow > LOWEST_EXACT_FLOW, flow, bent)


def balloon(
    flow: Tensor, step: float, transit: Tensor, stiffness: Tensor, extraction: Tensor
) -> tuple[Tensor, Tensor]:
    """Return venous volume and deoxyhaemoglobin, relative to rest, from rest.

    Volume moves by the exponential Rosenbrock-Euler method (Hochbruck and Ostermann 2010, Acta
    Numerica 19:209-286) and deoxyhaemoglobin, whose equation is linear, by the exact solution for
    the mean coefficients of a step. Both are of second order, positive for steps of any length, and
    at rest stay at rest.

    Parameters
    ----------
    flow : Tensor of shape (n_steps + 1, batch, n_units)
        Positive, at the borders of steps.
    step : float
        Seconds.
    transit : Tensor of shape (n_units,) or (1,)
        Mean transit time in seconds.
    stiffness, extraction : Tensor of shape (n_units,) or (1,)
        Grubb's exponent and the oxygen extraction fraction at rest.

    Returns
    -------
    volume, deoxyhaemoglobin : Tensor of shape (n_steps + 1, batch, n_units)
    """
    volume = rate = torch.ones_like(flow[0])  # rate of outflow over volume: v^(1/stiffness - 1)
    # as wide as the state, so that no step sums gradients
    wide, pace = stiffness.expand_as(volume), (step / transit).expand_as(volume)
    slope, power = -pace / wide, 1 / wide - 1
    volumes, rates = [volume], [rate]
    for inflow in (stiffness * (flow[1:] + flow[:-1]) / 2).unbind():
        excess = wide * volume - inflow / rate
        volume = volume + excess * torch.expm1(slope * rate)
        rate = torch.exp(power * torch.log(volume))
        volumes.append(volume)
        rates.append(rate)
    outflow = torch.stack(rates)
    delivered = flow * (1 - (1 - extraction) ** (1 / flow)) / extraction
    outflow, delivered = ((x[1:] + x[:-1]) / 2 for x in (outflow, delivered))
    # deoxyhaemoglobin beyond that at rest: at rest both terms are exactly zero
    kept = torch.exp(-pace * outflow)
    amount = _scan(kept, (1 - kept) * (delivered / outflow - 1))
    return torch.stack(volumes), 1 + torch.cat((torch.zeros_like(amount[:1]), amount))


def _scan(decay: Tensor, drive: Tensor) -> Tensor:
    """Return ``y[t] = decay[t] y[t - 1] + drive[t]`` from zero, by doubling."""
    reach = 1
    while reach < len(drive):
        drive = torch.cat((drive[:reach], drive[reach:] + decay[reach:] * drive[:-reach]))
        decay = torch.cat((decay[:reach], decay[reach:] * decay[:-reach]))
        reach *= 2
    return drive


def bold_signal(
    volume: Tensor, amount: Tensor, extraction: Tensor, ratio: Tensor, echo_time: float
) -> Tensor:
    """Return the BOLD signal as a fraction of the signal at rest.

    ``V0 (k1 (1 - q) + k2 (1 - q/v) + k3 (1 - v))`` with ``k1 = 4.3 nu0 E0 TE``, ``k2 = ratio r0 E0
    TE`` and ``k3 = 1 - ratio`` (Stephan et al. 2007, equation 12).

    Parameters
    ----------
    volume, amount : Tensor
        Of venous blood and its deoxyhaemoglobin, relative to rest.
    extraction : Tensor
        Oxygen extraction fraction at rest.
    ratio : Tensor
        Intravascular over extravascular signal.
    echo_time : float
        Seconds.

    Returns
    -------
    Tensor
    """
    outside = 4.3 * FREQUENCY_OFFSET * extraction * echo_time
    inside = ratio * RELAXATION_SLOPE * extraction * echo_time
    exchanged = (1 - ratio) * (1 - volume)
    return BLOOD_VOLUME * (outside * (1 - amount) + inside * (1 - amount / volume) + exchanged)
