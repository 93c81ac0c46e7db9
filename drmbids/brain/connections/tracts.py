"""Tracts: a delay for every pair of units, from tract lengths and one conduction velocity."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.gate import Gate
from drmbids.brain.connections.synapse import Synapse
from drmbids.brain.connections.weights import SIGNS, Sign
from drmbids.data.runs.time import ticks_around
from drmbids.data.tools.exceptions import ModelError, UsageError
from drmbids.maths.loops.taps import interpolation_taps, sum_pairs, wide_kernel

#: What training can move.
Trained = Literal["velocity", "strength", "weights"]
Interpolation = Literal["linear", "nearest"]
Matrix = Tensor | Sequence[Sequence[float]]

# millimetres over metres a second are milliseconds
SECONDS = 1e-3


class Tracts(DRMConnection):
    """Fibre tracts between units, each with its own length.

    ``y_i(t) = g sum_j w_ij x_j(t - l_ij / v)``

    A whole brain is one population of as many units as there are regions, connected to itself by
    its tracts. Pairs without weight cost nothing.

    Parameters
    ----------
    weights : Tensor of shape (n_to, n_from)
        Strength of each tract; 0 for none.
    lengths : Tensor of shape (n_to, n_from)
        Length of each tract in mm, 0 or more; not looked at where the weight is 0.
    velocity : float
        Conduction velocity in m/s.
    velocity_min, velocity_max : float, optional
        Exclusive limits in m/s, needed where the velocity is to change: the delays at
        ``velocity_max`` bound the blocks in which loops run, those at ``velocity_min`` the past
        that is kept.
    strength : float
        The factor ``g``.
    interpolation : {"linear", "nearest"}
        Between the two ticks around each delay, or the nearest tick, which is twice as fast and
        has no gradient.
    trainable : collection of {"velocity", "strength", "weights"}
        What training moves; nothing by default.
    gates : sequence of Gate
        What modulates the tracts.
    synapse : Synapse, optional
        Shape of the response to what arrives (:mod:`drmbids.brain.connections.synapse`).
    sign : {"free", "positive", "negative"}
        Sign that training cannot change.

    Attributes
    ----------
    width : float
        Half-width of the triangular kernel through which the past is read, as a share of the range
        of each delay between the limits of the velocity; 0, the default, is linear interpolation.
        See :func:`drmbids.brain.connections.annealing.set_delay_width`.

    Raises
    ------
    UsageError
        If shapes, values or options do not fit.

    References
    ----------
    Deco et al. 2009, PNAS 106:10302 (delays from tract lengths and a common velocity).

    Examples
    --------
    >>> import torch
    >>> tracts = Tracts([[0.0, 2.0], [1.0, 0.0]], [[0.0, 30.0], [60.0, 0.0]], velocity=3.0)
    >>> tracts.set_resolution(0.01)
    >>> tracts.shortest_ticks, tracts.longest_ticks
    (1, 2)
    >>> sent = torch.tensor([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]).unsqueeze(1)
    >>> tracts.arrive(sent).squeeze(1)  # unit 0 hears 1 a tick ago, unit 1 hears 0 two ticks ago
    tensor([[12.,  1.],
            [14.,  2.]])
    """

    option_units: ClassVar = {
        "lengths": "mm",
        "velocity": "m/s",
        "velocity_min": "m/s",
        "velocity_max": "m/s",
    }
    free_velocity: nn.Parameter
    sources: Tensor
    lengths: Tensor
    there: Tensor

    def __init__(
        self,
        weights: Matrix,
        lengths: Matrix,
        velocity: float,
        velocity_min: float | None = None,
        velocity_max: float | None = None,
        strength: float = 1.0,
        interpolation: Interpolation = "linear",
        trainable: Collection[Trained] = (),
        gates: Sequence[Gate] = (),
        synapse: Synapse | None = None,
        sign: Sign = "free",
    ):
        super().__init__(gates=gates, synapse=synapse)
        matrix, distance = _checked_matrices(weights, lengths)
        _check_options(velocity, velocity_min, velocity_max, interpolation, trainable)
        if sign not in SIGNS or bool((matrix * SIGNS[sign] < 0).any()):
            raise UsageError(f"not all weights of the tracts are {sign!r}; change them or the sign")
        self.sign: Sign = sign
        self.interpolation: Interpolation = interpolation
        self.n_from = matrix.shape[1]
        self.velocity_min = velocity if velocity_min is None else velocity_min
        self.velocity_max = velocity if velocity_max is None else velocity_max
        there = matrix != 0
        # the sources of each target, filled up to be as many for all by pairs of no weight that are
        # read as late as one that is there
        first = (~there).byte().argsort(dim=1, stable=True)[:, : int(there.sum(1).max())]
        self.register_buffer("sources", first)
        self.register_buffer("there", there.gather(1, first))
        near = distance.where(there, distance[there][0]).gather(1, first)
        self.register_buffer("lengths", near)
        self._shortest_mm, self._longest_mm = near.min().item(), near.max().item()
        pairs = matrix.gather(1, first)
        self.pair_weights = nn.Parameter(pairs, requires_grad="weights" in trainable)
        self.add_parameter(
            "velocity",
            velocity,
            unit="m/s",
            meaning="conduction velocity",
            lower=0.0 if velocity_min is None else velocity_min,
            upper=velocity_max,
            trainable="velocity" in trainable,
        )
        self.add_parameter(
            "strength",
            strength,
            unit="1",
            meaning="factor of all tracts",
            trainable="strength" in trainable,
        )

    def set_value(self, name: str, value: float | Tensor) -> None:
        """Set a parameter; a velocity only where its limits are stated, since they bound the net.

        Raises
        ------
        UsageError
            If the value is not within the limits, or a velocity has none.
        """
        if name == "velocity" and self.velocity_min == self.velocity_max:
            raise UsageError("this velocity is fixed; state velocity_min and velocity_max")
        super().set_value(name, value)

    @property
    def delay(self) -> float:
        """Mean delay over all tracts in seconds, as it is now."""
        mean = self.lengths[self.there].mean().item()
        return mean * SECONDS / self.value("velocity").item()

    @property
    def learns_delay(self) -> bool:
        """Whether training moves the velocity."""
        return self.free_velocity.requires_grad

    @property
    def shortest_ticks(self) -> int:
        """Delay in ticks of the shortest tract at the highest velocity, rounded down."""
        ticks = self._shortest_mm * SECONDS / self.velocity_max / self.resolution
        return round(ticks) if self._is_rounded else ticks_around(ticks, 1.0)[0]

    @property
    def longest_ticks(self) -> int:
        """Delay in ticks of the longest tract at the lowest velocity, rounded up."""
        ticks = self._longest_mm * SECONDS / self.velocity_min / self.resolution
        return round(ticks) if self._is_rounded else ticks_around(ticks, 1.0)[1]

    @property
    def _is_rounded(self) -> bool:
        return self.interpolation == "nearest"

    @property
    def keeps_units(self) -> bool:
        """No: what arrives at a unit is a sum over units."""
        return False

    def delay_values(self, most: int) -> tuple[str, Tensor]:
        """Return ``"velocity"``, and velocities between the limits at which delays are even."""
        slow, fast = 1 / self.velocity_min, 1 / self.velocity_max
        ticks = self._longest_mm * SECONDS * (slow - fast) / self.resolution
        n = max(1, min(most, math.ceil(ticks)))
        share = (torch.arange(n) + 0.5) / n
        return "velocity", 1 / (fast + share * (slow - fast))

    def taps(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return what each target reads, the factor ``g`` left out.

        Returns
        -------
        ticks : Tensor of shape (n_to, n_taps), int64
            How many ticks ago.
        sources : Tensor of shape (n_to, n_taps), int64
            Which unit.
        weights : Tensor of shape (n_to, n_taps)
            With which weight; 0 where a target has fewer taps than others.
        """
        shortest, longest = self.shortest_ticks, self.longest_ticks
        if self.width:
            wide = self._wide_weights()
            every = torch.arange(longest, shortest - 1, -1, device=wide.device)
            sources = self.sources.unsqueeze(-1).expand_as(wide)
            return every.expand_as(wide).flatten(1), sources.flatten(1), wide.flatten(1)
        delay, weights = self._delay_ticks(), self.signed_weights()
        if self._is_rounded:
            ticks = delay.detach().round().long().clamp(shortest, longest)
            return ticks, self.sources, weights
        ticks, shares = interpolation_taps(delay, shortest, longest)
        weights = weights.unsqueeze(-1) * shares
        return ticks.flatten(1), self.sources.repeat_interleave(2, 1), weights.flatten(1)

    def _delay_ticks(self) -> Tensor:
        return self.lengths * (SECONDS / self.resolution) / self.value("velocity")

    def _wide_weights(self) -> Tensor:
        """Return the weights of the sources of each target at all delays, longest first."""
        slowness = 1 / self.velocity_min - 1 / self.velocity_max
        widths = self.width * slowness * SECONDS / self.resolution * self.lengths
        kernel = wide_kernel(self._delay_ticks(), widths, self.shortest_ticks, self.longest_ticks)
        return self.signed_weights().unsqueeze(-1) * kernel

    def signed_weights(self) -> Tensor:
        """Return the weight of each source of each target, 0 for those that only fill up."""
        held = SIGNS[self.sign]
        return (held * self.pair_weights.abs() if held else self.pair_weights) * self.there

    def forward(self, activity: Tensor) -> Tensor:
        """Return what leaves the source, the activity as it is.

        Raises
        ------
        ModelError
            If the source has another number of units.
        """
        if activity.shape[-1] != self.n_from:
            raise ModelError(
                f"tracts from {self.n_from} units, the source has {activity.shape[-1]}"
            )
        return activity

    def reader(self) -> Callable[[Tensor], Tensor]:
        """Return :meth:`arrive` with the taps worked out."""
        strength = self.value("strength")
        if self.width:  # most delays of most pairs: denser than pairs are
            wide = strength * self._wide_weights()
            kernel = wide.new_zeros(len(wide), self.n_from, wide.shape[-1])
            kernel = kernel.scatter_add(1, self.sources.unsqueeze(-1).expand_as(wide), wide)
            return lambda sent: conv1d(sent.permute(1, 2, 0), kernel).permute(2, 0, 1)
        ticks, sources, weights = self.taps()
        longest = self.longest_ticks
        more = longest - self.shortest_ticks
        index = (longest - ticks) * self.n_from + sources
        return lambda sent: strength * sum_pairs(sent, index, weights, len(sent) - more)

    def arrive(self, sent: Tensor) -> Tensor:
        """Return the delayed and weighted sums, shape (L, batch, n_to)."""
        return self.reader()(sent)


def _checked_matrices(weights: Matrix, lengths: Matrix) -> tuple[Tensor, Tensor]:
    """Return weights and lengths as tensors, or raise where they cannot be those of tracts."""
    kind = torch.get_default_dtype()
    matrix, distance = (torch.as_tensor(x).to("cpu", kind) for x in (weights, lengths))
    if matrix.ndim != 2 or matrix.shape != distance.shape:
        raise UsageError(
            f"weights and lengths of tracts are matrices [to][from] of one shape, got "
            f"{tuple(matrix.shape)} and {tuple(distance.shape)}"
        )
    there = matrix != 0
    if not bool(there.any()):
        raise UsageError("no tract has a weight")
    wrong = there & ~(torch.isfinite(matrix) & torch.isfinite(distance) & (distance >= 0))
    if bool(wrong.any()):
        to, source = wrong.nonzero()[0].tolist()
        raise UsageError(
            f"tract {source} -> {to}: weight {matrix[to, source]:g} and length "
            f"{distance[to, source]:g} mm; both must be finite, a length 0 or more"
        )
    return matrix, distance


def _check_options(
    velocity: float,
    velocity_min: float | None,
    velocity_max: float | None,
    interpolation: str,
    trainable: Collection[str],
) -> None:
    """Raise where options of tracts do not fit together."""
    unknown = set([trainable] if isinstance(trainable, str) else trainable) - set(get_args(Trained))
    if isinstance(trainable, str) or unknown:
        raise UsageError(
            f"trainable must be a collection of {', '.join(get_args(Trained))}, got {trainable!r}"
        )
    if interpolation not in get_args(Interpolation):
        raise UsageError(f"interpolation must be linear or nearest, got {interpolation!r}")
    if "velocity" in trainable and (
        interpolation != "linear" or velocity_min is None or velocity_max is None
    ):
        raise UsageError(
            "a trained velocity needs velocity_min, velocity_max and interpolation='linear'"
        )
    if (velocity_min is None) != (velocity_max is None):
        raise UsageError("state both velocity_min and velocity_max, or none")
    low = 0.0 if velocity_min is None else velocity_min
    high = float("inf") if velocity_max is None else velocity_max
    if not 0 <= low < velocity < high or velocity_min == 0:
        raise UsageError(
            f"a velocity must be positive and between its limits, got {velocity:g} m/s, limits "
            f"{low:g} and {high:g}"
        )
