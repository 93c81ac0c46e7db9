"""Resting state: a whole brain that nothing drives but its own noise, simulated as it is."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

import numpy as np
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.tracts import SECONDS, Matrix, Tracts
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations import POPULATIONS
from drmbids.brain.populations.mass import Mass
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.runs.time import TICK_TOLERANCE
from drmbids.data.tools.exceptions import UsageError

#: Ticks in memory at once.
WINDOW = 20_000

#: Values of constants, one for all regions or one for each.
Values = dict[str, float | list[float]]


def masses_at_rest(
    mass: str,
    n_regions: int,
    values: Values | None = None,
    compiled: bool = False,
    initial: Values | None = None,
) -> Mass:
    """Return masses that hear each other and their own noise, one for each region.

    Parameters
    ----------
    mass : str
        Name of a mass in model files: ``"wong_wang"``, ``"hopf"``, ``"ornstein_uhlenbeck"`` ...
    n_regions : int
    values : dict of str to float or list of float, optional
        Constants that differ from their defaults; a list has one for each region.
    compiled : bool
        Whether they run as machine code.
    initial : dict of str to float or list of float, optional
        Variables that start elsewhere than by default.

    Raises
    ------
    UsageError
        If there is no such mass, or numba is not installed.
    """
    if mass not in POPULATIONS or not issubclass(POPULATIONS[mass], Mass):
        known = [name for name in POPULATIONS if issubclass(POPULATIONS[name], Mass)]
        raise UsageError(f"there is no mass {mass!r}; choose one of: {', '.join(known)}")
    if compiled and find_spec("numba") is None:
        raise UsageError("compiled masses need numba: pip install 'drmbids[compiled]'")
    kind = POPULATIONS[mass]
    n_inputs = (1 + (1 if kind.noise_in_drive else len(kind.variables))) * n_regions
    return kind(
        n_regions, n_inputs, values, coupled=True, noisy=True, compiled=compiled, initial=initial
    )


def rest_net(
    weights: Matrix,
    lengths: Matrix | None,
    mass: str,
    coupling: float,
    velocity: float,
    values: Values | None = None,
    resolution: float = 0.001,
    compiled: bool = False,
    initial: Values | None = None,
) -> DRMNet:
    """Return the net of a whole brain: one population, its tracts, and BOLD of each region.

    Its only stimulus is the noise that :meth:`~drmbids.Mass.draw_noise` gives.

    Parameters
    ----------
    weights, lengths, mass, coupling, velocity, values, resolution, compiled, initial
        As for :func:`simulate_rest`.
    """
    strengths = torch.as_tensor(np.asarray(weights), dtype=torch.float64)
    n = len(strengths)
    values = dict(values or {})
    masses = masses_at_rest(mass, n, None, compiled)
    if "strength_in" in masses.constants:  # diffusive: what is lost is what is heard
        values["strength_in"] = (coupling * strengths.sum(1)).tolist()
    masses = masses_at_rest(mass, n, values, compiled, initial)
    far = torch.zeros_like(strengths) if lengths is None else torch.as_tensor(np.asarray(lengths))
    # what is sent arrives a tick later at the earliest
    nearest = velocity * resolution / SECONDS
    tracts = Tracts(strengths, far.clamp(min=nearest), velocity, strength=coupling)
    readout = BOLD([n], [n], regions=["brain"], hrf=DoubleGamma(trainable=False))
    noisy = ("drive",) if masses.noise_in_drive else masses.variables
    columns = [f"{v}{k}" for v in noisy for k in range(n)]
    net = DRMNet(
        {"brain": masses},
        [DRMConnection(0.0)],
        [[tracts]],
        readout,
        resolution=resolution,
        stimuli={"noise": columns},
    )
    with torch.no_grad():
        net.readout.weights[0].copy_(torch.eye(n))
    return net


def simulate_rest(
    weights: Matrix,
    lengths: Matrix | None = None,
    *,
    duration: float,
    mass: str = "wong_wang",
    coupling: float = 1.0,
    velocity: float = 5.0,
    values: Values | None = None,
    measurement: Literal["bold", "activity"] = "bold",
    tr: float = 2.0,
    noise: float = 0.0,
    regions: Sequence[str] | None = None,
    resolution: float = 0.001,
    settle: float = 20.0,
    compiled: bool = False,
    initial: Values | None = None,
    random_state: int = 0,
) -> Run:
    """Simulate a brain at rest: noisy masses on a connectome, with conduction delays.

    The equations are integrated as they are, tick by tick, in windows: memory does not grow with
    the duration.

    Parameters
    ----------
    weights : array of shape (n, n)
        Strengths of tracts ``[to, from]``; 0 for none.
    lengths : array of shape (n, n), optional
        Tract lengths in mm; delays are a tick at least, and one tick when absent.
    duration : float
        Seconds that are measured.
    mass : str
        Name of a mass in model files: ``"wong_wang"``, ``"hopf"`` ...
    coupling : float
        Factor of all weights.
    velocity : float
        Conduction velocity in m/s.
    values : dict of str to float or list of float, optional
        Constants of the masses that differ from their defaults, ``sigma`` among them; a list has
        one for each region. Of diffusive masses (:class:`~drmbids.Hopf`) ``strength_in`` follows
        from the coupling.
    measurement : {"bold", "activity"}
        BOLD, or the activity of each mass in the tick that begins at each time: the mean of its
        first variable over the tick, whose spectrum is that of the variable times
        ``sinc(frequency * resolution)^2``, 1 to 1e-5 below 1 Hz at the default resolution.
    tr : float
        Seconds from one sample to the next.
    noise : float
        Standard deviation of white noise of measurement over that of each series.
    regions : sequence of str, optional
        Names of the series; numbers when absent.
    resolution : float
        Seconds of a tick.
    settle : float
        Seconds before the first sample.
    compiled : bool
        Whether the net runs as machine code, ten times as fast; needs numba.
    initial : dict of str to float or list of float, optional
        Variables that start elsewhere than by default, by name; a list has a value for each region.
    random_state : int
        The same seed gives the same run.

    Returns
    -------
    Run
        With one response, ``"brain"``.

    Raises
    ------
    UsageError
        If sizes or values do not fit, or numba is asked for and not there.

    Examples
    --------
    >>> weights = [[0.0, 1.0], [1.0, 0.0]]
    >>> run = simulate_rest(weights, duration=10.0, resolution=0.01, settle=1.0)
    >>> run.responses["brain"].values.shape
    (5, 2)
    """
    net = rest_net(
        weights, lengths, mass, coupling, velocity, values, resolution, compiled, initial
    )
    if duration < tr or tr < resolution or settle < 0 or noise < 0:
        raise UsageError(
            f"need resolution <= tr <= duration, settle >= 0 and noise >= 0, got {resolution:g}, "
            f"{tr:g}, {duration:g}, {settle:g} and {noise:g}"
        )
    times = tr * np.arange(round(duration / tr))
    series = _measured(net, times + settle, measurement, random_state)
    if noise:
        rng = np.random.default_rng(random_state)
        series = series + noise * series.std(0) * rng.standard_normal(series.shape)
    names = [str(k) for k in range(series.shape[1])] if regions is None else list(regions)
    return Run({"brain": Stream(series, times, columns=names)}, tr=tr)


@torch.no_grad()
def _measured(net: DRMNet, times: np.ndarray, measurement: str, random_state: int) -> np.ndarray:
    """Return what is measured at the times in seconds, shape (n_times, n_regions)."""
    masses = net.population_list[0]
    assert isinstance(masses, Mass)
    n_ticks = int(np.ceil(times[-1] / net.resolution)) + 1
    seeds = np.random.SeedSequence(random_state).generate_state(-(-n_ticks // WINDOW))
    carry, parts = net.initial_carry(1), []
    for k, seed in enumerate(seeds.tolist()):
        start = k * WINDOW
        length = min(WINDOW, n_ticks - start)
        noise = masses.draw_noise(length, 1, seed)
        here = times / net.resolution - start
        inside = torch.from_numpy(here[(here >= 0) & (here < length)])
        if measurement == "bold":
            prediction, _, carry = net.window([noise], inside * net.resolution, None, carry)
            parts.append(prediction[:, 0])
        else:
            (activity,), _, carry = net.run([noise], carry)
            # the tick that a time lies in; a time is its beginning but for rounding
            parts.append(activity[(inside + TICK_TOLERANCE).long(), 0])
    return torch.cat(parts).double().numpy()
