"""LearnedDelay: a connection whose conduction delay is trained."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.dale import Dale
from drmbids.brain.connections.gate import Gate
from drmbids.brain.connections.synapse import Synapse
from drmbids.data.runs.time import ticks_around
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.loops.taps import interpolation_taps, read_taps, wide_kernel


class LearnedDelay(DRMConnection):
    """A connection with a delay that training moves between two limits.

    The past is read by linear interpolation between the two ticks about the delay, so that the
    delay need be no multiple of the resolution and has a gradient: the slope of what was sent.
    The schedule of a net keeps to the limits, whatever the delay becomes: ``delay_min`` bounds the
    blocks of the loops that the connection is part of, and must be a tick or more where they have
    no other delay.

    Parameters
    ----------
    delay : float
        Conduction delay in seconds, where training starts.
    delay_min, delay_max : float
        Exclusive limits in seconds, ``0 <= delay_min < delay < delay_max``.
    weights : Module, optional
        Pointwise in time, applied at the source: maps ``(L, batch, n_source)`` to
        ``(L, batch, n)``.
    trainable : bool
        Whether training moves the delay.
    gates : sequence of Gate
        What modulates the connection.
    plasticity, synapse : Synapse, optional
    dale : {"excitatory", "inhibitory"} or float, optional
    columns : sequence of int, optional
        As for :class:`~drmbids.DRMConnection`.

    Attributes
    ----------
    width : float
        Half-width of the triangular kernel through which the past is read, as a share of the range
        between the limits; 0, the default, is linear interpolation. See
        :func:`drmbids.brain.connections.annealing.set_delay_width`.

    Raises
    ------
    UsageError
        If the delay is not between the limits, or a limit is no delay.

    References
    ----------
    Hammouamri, Khalfaoui-Hassani and Masquelier 2024, ICLR, arXiv:2306.17670.

    Examples
    --------
    >>> import torch
    >>> connection = LearnedDelay(0.25, delay_min=0.1, delay_max=0.5)
    >>> connection.set_resolution(0.1)
    >>> connection.shortest_ticks, connection.longest_ticks
    (1, 5)
    >>> ramp = torch.arange(7.0).view(7, 1, 1)
    >>> connection.arrive(ramp).flatten()  # 2.5 ticks before ticks 5, 6 and 7
    tensor([2.5000, 3.5000, 4.5000], grad_fn=...)
    """

    option_units: ClassVar = {"delay": "s", "delay_min": "s", "delay_max": "s"}
    free_delay: nn.Parameter

    def __init__(
        self,
        delay: float,
        delay_min: float,
        delay_max: float,
        weights: nn.Module | None = None,
        trainable: bool = True,
        gates: Sequence[Gate] = (),
        plasticity: Synapse | None = None,
        synapse: Synapse | None = None,
        dale: Dale | None = None,
        columns: Sequence[int] | None = None,
    ):
        super().__init__(delay, weights, gates, plasticity, synapse, dale, columns)
        if not 0 <= delay_min < delay < delay_max < float("inf"):
            raise UsageError(
                f"a learned delay needs 0 <= delay_min < delay < delay_max in seconds, got "
                f"{delay_min:g}, {delay:g}, {delay_max:g}"
            )
        self.delay_min, self.delay_max = float(delay_min), float(delay_max)
        self.add_parameter(
            "delay",
            delay,
            unit="s",
            meaning="conduction delay",
            lower=self.delay_min,
            upper=self.delay_max,
            trainable=trainable,
        )

    @property
    def delay(self) -> float:
        """Delay in seconds, as it is now."""
        return self.value("delay").item()

    @property
    def learns_delay(self) -> bool:
        """Whether training moves the delay."""
        return self.free_delay.requires_grad

    @property
    def shortest_ticks(self) -> int:
        """Last whole tick up to ``delay_min``."""
        return ticks_around(self.delay_min, self.resolution)[0]

    @property
    def longest_ticks(self) -> int:
        """First whole tick from ``delay_max`` on."""
        return ticks_around(self.delay_max, self.resolution)[1]

    def delay_values(self, most: int) -> tuple[str, Tensor]:
        """Return ``"delay"``, and even delays between the limits."""
        n = max(1, min(most, self.longest_ticks - self.shortest_ticks))
        share = (torch.arange(n) + 0.5) / n
        return "delay", self.delay_min + share * (self.delay_max - self.delay_min)

    def reader(self) -> Callable[[Tensor], Tensor]:
        """Return :meth:`arrive` with the taps worked out."""
        shortest, longest = self.shortest_ticks, self.longest_ticks
        delay = self.value("delay") / self.resolution
        if self.width:
            width = torch.full_like(delay, self.width * (longest - shortest))
            kernel = wide_kernel(delay, width, shortest, longest)
            return lambda sent: sent.unfold(0, len(kernel), 1) @ kernel
        ticks, shares = interpolation_taps(delay, shortest, longest)
        first = (longest - ticks).unsqueeze(-1)
        rows: dict[int, Tensor] = {}  # by the number of ticks: most blocks are as long

        def read(sent: Tensor) -> Tensor:
            n_ticks = len(sent) - longest + shortest
            if n_ticks not in rows:
                rows[n_ticks] = first + torch.arange(n_ticks, device=first.device)
            return read_taps(sent, rows[n_ticks], shares)

        return read

    def arrive(self, sent: Tensor) -> Tensor:
        """Return what was sent a delay ago, shape (L, batch, n)."""
        return self.reader()(sent)
