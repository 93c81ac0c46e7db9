"""Gate: what modulates the strength of a connection."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.connections.base import DRMConnection
from drmbids.data.tools.exceptions import UsageError

#: Standard deviation of the prior of gains, whose mean is 0: modulators of size 1 that halve or
#: double a connection are rare. Without it loops that modulators hold in balance in training runs
#: lose it in others.
PRIOR_SD = 0.5


class Gate(DRMConnection):
    """A modulation of a connection by a stimulus or a population, the B matrix of DCM.

    What arrives over a connection with gates is multiplied by ``1 + sum_k g_k m_k(t - delay)``,
    where ``m_k`` are columns of a stimulus or units of a population and ``g_k`` their gains: with
    a gain of 0.5 the connection is half as strong again while the modulator is 1. Before the run
    modulators are silent. As in DCM, gains have a prior about 0 (:meth:`~drmbids.DRMNode.set_prior`
    changes it).

    Parameters
    ----------
    by : str
        Name of the stimulus or population.
    modulators : sequence of str, or int
        Columns of the stimulus that modulate; or how many, where all columns or units do.
    n_units : int
        1 for a gain of the whole connection, or the number of units that arrive over it, for a gain
        of each.
    gain : float
        Where training starts.
    delay : float
        Seconds from the modulator to the connection, a whole number of ticks.
    trainable : bool
        Whether training moves the gains.

    Raises
    ------
    UsageError
        If there is no modulator or no unit.

    References
    ----------
    Friston, Harrison and Penny 2003, NeuroImage 19:1273-1302, equation 1 (B, relative to A here).

    Examples
    --------
    >>> import torch
    >>> from drmbids import DRMConnection
    >>> gate = Gate("task", ["attention"], gain=0.5)
    >>> gate(torch.ones(1, 1, 1)).item()
    0.5
    >>> connection = DRMConnection(0.1, gates=[gate])
    """

    option_units: ClassVar = {"delay": "s"}

    #: Where the net found the modulators: (source, is_stimulus, columns or None for all).
    origin: tuple[int, bool, tuple[int, ...] | None] | None = None

    def __init__(
        self,
        by: str,
        modulators: Sequence[str] | int,
        n_units: int = 1,
        gain: float = 0.0,
        delay: float = 0.0,
        trainable: bool = True,
    ):
        super().__init__(delay)
        self.by = by
        self.modulators = modulators if isinstance(modulators, int) else tuple(modulators)
        if self.n_modulators < 1 or n_units < 1:
            raise UsageError(
                f"gate by {by!r}: needs a modulator and a unit or more, "
                f"got modulators={modulators!r}, n_units={n_units}"
            )
        self.n_units = n_units
        self.add_parameter(
            "gain",
            torch.full((self.n_modulators, n_units), float(gain)),
            meaning=f"share of its strength that the connection gains for each {self.label}",
            trainable=trainable,
            source="Friston, Harrison and Penny 2003",
            prior_mean=0.0,
            prior_sd=PRIOR_SD,
        )

    @property
    def n_modulators(self) -> int:
        """Columns or units that modulate."""
        return self.modulators if isinstance(self.modulators, int) else len(self.modulators)

    @property
    def label(self) -> str:
        """What modulates, in tables: ``task (attention)``."""
        return (
            self.by
            if isinstance(self.modulators, int)
            else f"{self.by} ({', '.join(self.modulators)})"
        )

    @property
    def keeps_units(self) -> bool:
        """False: what arrives are changes of the connection."""
        return False

    def forward(self, activity: Tensor) -> Tensor:
        """Return the change of the connection, shape (L, batch, n_units), 0 where there is none."""
        return activity @ self.value("gain")
