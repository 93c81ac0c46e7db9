"""RestingState: several statistics of whole runs in one loss."""

from typing import ClassVar

from torch import Tensor, nn

from drmbids.core.exceptions import UsageError
from drmbids.losses.connectivity import Connectivity
from drmbids.losses.connectivity_dynamics import ConnectivityDynamics
from drmbids.losses.lagged_connectivity import LaggedConnectivity
from drmbids.losses.spectra import Spectra
from drmbids.losses.summary import SummaryLoss

#: How many moments each loss has.
N_MOMENTS = {Connectivity: 11, LaggedConnectivity: 6, Spectra: 6, ConnectivityDynamics: 12}


class RestingState(SummaryLoss):
    """A weighted mean of the errors of connectivity, lagged connectivity, spectra and dynamics.

    Parameters
    ----------
    connectivity, lagged, spectra, dynamics : float
        Weights of :class:`Connectivity`, :class:`LaggedConnectivity`, :class:`Spectra` and
        :class:`ConnectivityDynamics`, 0 to leave one out.
    tr : float
        Seconds from one sample to the next.
    low, high : float
        Band of lagged connectivity and spectra in Hz.
    length, step, n_steps : int
        Of the windows of dynamics.

    Raises
    ------
    UsageError
        If a weight is negative, or all are 0.

    Examples
    --------
    >>> import torch
    >>> measured = torch.randn(100, 1, 3, generator=torch.Generator().manual_seed(0))
    >>> round(RestingState()(2 * measured, measured).item(), 6)
    0.0
    """

    option_units: ClassVar = {"tr": "s", "low": "Hz", "high": "Hz"}
    timed: ClassVar = True

    def __init__(
        self,
        connectivity: float = 1.0,
        lagged: float = 1.0,
        spectra: float = 1.0,
        dynamics: float = 0.0,
        tr: float = 2.0,
        low: float = 0.01,
        high: float = 0.1,
        length: int = 30,
        step: int = 3,
        n_steps: int = 200,
    ):
        super().__init__()
        weights = (connectivity, lagged, spectra, dynamics)
        if min(weights) < 0 or not sum(weights) > 0:
            raise UsageError(f"weights must be 0 or more, and one above 0, got {weights}")
        every = (
            Connectivity,
            lambda: LaggedConnectivity((tr, 2 * tr), tr, low, high),
            lambda: Spectra(tr, low, high),
            lambda: ConnectivityDynamics(length, step, n_steps),
        )
        self.weights = tuple(w / sum(weights) for w in weights if w)
        self.parts = nn.ModuleList([make() for make, w in zip(every, weights, strict=True) if w])

    def moments(self, prediction: Tensor, target: Tensor, start: int = 0) -> tuple[Tensor, ...]:
        """Return the moments of all parts, one after the other.

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        start : int
            Samples before these.
        """
        found = [part.moments(prediction, target, start) for part in self._losses()]
        return tuple(moment for moments in found for moment in moments)

    def from_moments(self, moments: tuple[Tensor, ...]) -> Tensor:
        """Return the weighted mean of the losses of the parts.

        Parameters
        ----------
        moments : tuple of Tensor of shape (n_runs, ...)
        """
        total, at = moments[0].new_zeros(()), 0
        for part, weight in zip(self._losses(), self.weights, strict=True):
            size = N_MOMENTS[type(part)]
            total = total + weight * part.from_moments(moments[at : at + size])
            at += size
        return total

    def _losses(self) -> list[SummaryLoss]:
        return [part for part in self.parts if isinstance(part, SummaryLoss)]
