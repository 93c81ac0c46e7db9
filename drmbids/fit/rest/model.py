"""A whole brain at rest in closed form: masses, tracts, hemodynamics, and noise of measurement."""

from math import pi
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from drmbids.brain.connections.tracts import SECONDS, Tracts, Trained
from drmbids.brain.nodes import DRMNode
from drmbids.brain.populations.mass import Mass
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.brain.simulation.rest import masses_at_rest
from drmbids.data.tools.exceptions import TrainingError, UsageError
from drmbids.fit.rest.band_nodes import interpolation, n_nodes, node_frequencies
from drmbids.fit.rest.linear_noise import (
    network_jacobian,
    network_spectra,
    steady_state,
    unit_slopes,
    unstable_modes,
)
from drmbids.fit.rest.whittle import normalised
from drmbids.maths.signals.spectra import hann_leakage

#: Bins on either side of the band from which power leaks into it by more than a millionth.
LEAKING_BINS = 6
#: Seconds between samples of the hemodynamic response whose spectrum is taken.
HRF_STEP = 0.05
#: Sum of the inputs of a region where weights are to be estimated, at the start.
FIRST_INPUT = 0.1


class RestModel(nn.Module):
    """Spectra of a brain at rest, by the linear noise approximation, as functions of parameters.

    Parameters
    ----------
    masses : Mass
        One unit for each region; coupled and noisy.
    tracts : Tracts
        Of the masses to themselves.
    measurement : {"bold", "activity"}
        What is measured of the first variable of each region.
    noise : float
        Share of each series' power in the band that is white noise of measurement.
    trainable : bool
        Whether training moves that share.
    """

    rest: Tensor

    def __init__(
        self,
        masses: Mass,
        tracts: Tracts,
        measurement: Literal["bold", "activity"],
        noise: float,
        trainable: bool,
    ):
        super().__init__()
        self.masses, self.tracts, self.measurement = masses, tracts, measurement
        #: The steady state near which others are looked for first, NaN before there is one; and
        #: the one found last.
        nowhere = torch.full((len(masses.variables), masses.n_units), torch.nan)
        self.register_buffer("rest", nowhere)
        self.found = nowhere
        #: Whether a steady state far from that is none, where there is one.
        self.stays = False
        self.hrf = DoubleGamma(trainable=False)
        self.measured = DRMNode()
        self.measured.add_parameter(
            "noise",
            noise,
            unit="1",
            meaning="share of measurement noise in the power of a series",
            lower=0.0,
            upper=1.0,
            trainable=trainable,
        )
        self.double()
        self.lag = torch.arange(0.0, self.hrf.length, HRF_STEP, dtype=torch.float64)
        self.response = HRF_STEP * self.hrf(self.lag)[0, 0]

    def coupling(self) -> tuple[Tensor, Tensor]:
        """Return coupling and delays (s) of all pairs of regions, each of shape (n, n)."""
        tracts = self.tracts
        pairs = tracts.value("strength") * tracts.pair_weights * tracts.there
        seconds = tracts.lengths * (SECONDS / tracts.value("velocity"))
        empty = pairs.new_zeros(len(pairs), tracts.n_from)
        # added, not written: targets with fewer tracts are filled up with pairs of no weight
        return (
            empty.scatter_add(1, tracts.sources, pairs),
            empty.scatter_add(1, tracts.sources, seconds * tracts.there),
        )

    def linearised(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return slopes of the units in state and drive at rest, coupling and delays."""
        coupling, delays = self.coupling()
        masses = self.masses
        constants = {k: masses.value(k).expand(masses.n_units) for k in masses.constants}
        if "strength_in" in constants:  # diffusive: what is lost is what is heard
            constants["strength_in"] = coupling.sum(1)
        # a tenth of the fastest time constant there may be
        step = 0.1 * min((constants[k].min().item() for k in constants if "tau" in k), default=0.01)

        def derivative(state: tuple[Tensor, ...], drive: Tensor) -> tuple[Tensor, ...]:
            return tuple(masses.derivative(state, drive, constants))

        near = None if bool(self.rest.isnan().any()) else self.rest
        begin = None if self.stays and near is not None else masses.start
        rest = steady_state(derivative, begin, coupling, step, near)
        self.found = torch.stack(rest).detach()
        return (*unit_slopes(derivative, rest, coupling @ rest[0]), coupling, delays)

    def spectra(self, frequencies: Tensor) -> Tensor:
        """Return the cross-spectra of what is measured, without its noise.

        Parameters
        ----------
        frequencies : Tensor of shape (n_frequencies,)
            Hz.

        Returns
        -------
        Tensor of shape (n_frequencies, n, n), complex
        """
        found = network_spectra(*self.linearised(), self.masses.value("sigma"), frequencies)
        return found * self._measured_power(frequencies)[:, None, None]

    def _measured_power(self, frequencies: Tensor) -> Tensor:
        """Return what the power of activity is multiplied by in what is measured."""
        if self.measurement == "activity":
            return torch.ones_like(frequencies)
        turning = torch.exp(-2j * pi * frequencies[:, None] * self.lag)
        return (turning * self.response).sum(-1).abs().square()

    def expected(self, frequencies: Tensor, segment: float, at_rest: bool = False) -> Tensor:
        """Return what Welch estimates of the measured series expect, normalised over the band.

        Parameters
        ----------
        frequencies : Tensor of shape (n_frequencies,)
            Bins of the estimate in the band, in Hz.
        segment : float
            Seconds of a segment.
        at_rest : bool
            Whether to raise where modes grow, if that takes no time to see: without delays.

        Returns
        -------
        Tensor of shape (n_frequencies, n, n), complex

        Raises
        ------
        TrainingError
            Where modes grow: a likelihood in the frequency domain does not see that by itself.
        """
        grid, real, imaginary = leaking(frequencies, segment)
        power = self._measured_power(grid)
        real, imaginary = real * power, imaginary * power
        linear = self.linearised()
        if not self.tracts.lengths.any():
            modes, highest = network_modes(*linear[:3]), grid[-1].item()
            if at_rest and bool((modes.real > 0).any()):
                raise TrainingError("modes of the brain grow; take a weaker coupling")
            n = n_nodes(modes, highest)
            if n < len(grid):
                even, odd = interpolation(int(n), highest, grid)
                real, imaginary = real @ even, imaginary @ odd
                grid = node_frequencies(int(n), highest)
        fine = network_spectra(*linear, self.masses.value("sigma"), grid)
        parts = (m @ x.flatten(1) for m, x in ((real, fine.real), (imaginary, fine.imag)))
        smooth = torch.complex(*parts).view(-1, *fine.shape[1:])
        noise = self.measured.value("noise")
        white = torch.eye(smooth.shape[-1], dtype=smooth.dtype) / len(frequencies)
        return (1 - noise) * normalised(smooth) + noise * white

    def unstable_modes(self) -> int:
        """Return how many modes grow at the parameters as they are, 0 for a brain at rest."""
        with torch.no_grad():
            in_state, in_drive, coupling, delays = self.linearised()
            if not delays.any():
                return int((network_modes(in_state, in_drive, coupling).real > 0).sum())
            fastest = torch.linalg.eigvals(in_state).abs().max().item()
            size = coupling.abs().sum(1).max().item() * in_drive.abs().max().item()
            return unstable_modes(
                in_state, in_drive, coupling, delays, 5 * (fastest + size) / (2 * pi), 2000
            )


def leaking(frequencies: Tensor, segment: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return which frequencies a Welch estimate sees, and how much of each.

    Parameters
    ----------
    frequencies, segment
        As for :meth:`RestModel.expected`.

    Returns
    -------
    grid : Tensor of shape (n_grid,)
        Hz, 0 or more: spectra are mirrored at 0, their imaginary parts with the other sign.
    real, imaginary : Tensor of shape (n_frequencies, n_grid)
        Shares of the real and imaginary parts.
    """
    first, last = (round(2 * f * segment) for f in (frequencies[0].item(), frequencies[-1].item()))
    halves = torch.arange(
        first - 2 * LEAKING_BINS, last + 2 * LEAKING_BINS + 1, dtype=frequencies.dtype
    )
    grid, place = halves.abs().unique(return_inverse=True)
    leaked = hann_leakage(frequencies[:, None] * segment - halves / 2)
    none = leaked.new_zeros(len(frequencies), len(grid))
    signs = torch.where(halves < 0, -1.0, 1.0).to(leaked)
    real, imaginary = none.index_add(1, place, leaked), none.index_add(1, place, leaked * signs)
    return grid / (2 * segment), real, imaginary


@torch.no_grad()
def network_modes(in_state: Tensor, in_drive: Tensor, coupling: Tensor) -> Tensor:
    """Return the eigenvalues of a network without delays in 1/s.

    Parameters
    ----------
    in_state, in_drive, coupling : Tensor
        As for :func:`~drmbids.fit.rest.linear_noise.network_jacobian`.
    """
    return torch.linalg.eigvals(network_jacobian(in_state, in_drive, coupling))


def rest_model(settings: Any, n_regions: int) -> RestModel:
    """Return the model that a :class:`~drmbids.WholeBrain` asks for, at its start.

    Parameters
    ----------
    settings : WholeBrain
    n_regions : int
        Series in the data.

    Raises
    ------
    UsageError
        If the connectome has another number of regions, or options contradict each other.
    """
    trainable = set(settings.trainable)
    estimated = settings.weights is None
    if {"coupling", "weights"} <= trainable or (estimated and "weights" not in trainable):
        raise UsageError(
            "train either the coupling of given weights or, without weights, the 'weights', got "
            f"trainable={list(settings.trainable)}"
        )
    if "velocity" in trainable and settings.lengths is None:
        raise UsageError("a velocity can be trained where tract lengths are given")
    pairs = 1 - np.eye(n_regions)
    weights = FIRST_INPUT / n_regions * pairs if estimated else np.array(settings.weights, float)
    if weights.shape != (n_regions, n_regions):
        raise UsageError(f"{n_regions} series, and a connectome of {weights.shape}")
    lengths = 0 * weights if settings.lengths is None else np.array(settings.lengths, float)
    plain = masses_at_rest(settings.mass, n_regions, dict(settings.values or {}))
    _check_mass(plain, settings.mass)
    names = trainable - {"coupling", "velocity", "noise", "weights"}
    masses = type(plain)(
        n_regions,
        plain.n_inputs,
        dict(settings.values or {}),
        trainable=sorted(names),
        coupled=True,
        noisy=True,
    )
    low, high = settings.velocity_limits
    moved: dict[str, Trained] = {
        "coupling": "strength",
        "velocity": "velocity",
        "weights": "weights",
    }
    tracts = Tracts(
        torch.from_numpy(weights),
        torch.from_numpy(lengths),
        settings.velocity,
        low,
        high,
        strength=1.0 if estimated else settings.coupling,
        trainable=[moved[name] for name in moved if name in trainable],
    )
    return RestModel(masses, tracts, settings.measurement, settings.noise, "noise" in trainable)


def _check_mass(mass: Mass, name: str) -> None:
    """Raise where the closed form is not that of a mass."""
    if type(mass).output is not Mass.output or mass.noise_in_drive:
        raise UsageError(
            "a WholeBrain is made of masses that show and send their first variable and add noise "
            f"to all, which {name!r} does not; take another"
        )
