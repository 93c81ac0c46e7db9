"""RestingState: several statistics of whole runs in one loss."""

from typing import ClassVar

from drmbids.brain.losses.connectivity import Connectivity
from drmbids.brain.losses.connectivity_dynamics import ConnectivityDynamics
from drmbids.brain.losses.lagged_connectivity import LaggedConnectivity
from drmbids.brain.losses.spectra import Spectra
from drmbids.brain.losses.weighted import WeightedSum
from drmbids.data.tools.exceptions import UsageError


class RestingState(WeightedSum):
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
        weights = (connectivity, lagged, spectra, dynamics)
        if min(weights) < 0 or not sum(weights) > 0:
            raise UsageError(f"weights must be 0 or more, and one above 0, got {weights}")
        every = (
            Connectivity,
            lambda: LaggedConnectivity((tr, 2 * tr), tr, low, high),
            lambda: Spectra(tr, low, high),
            lambda: ConnectivityDynamics(length, step, n_steps),
        )
        super().__init__(
            [make() for make, w in zip(every, weights, strict=True) if w],
            [w / sum(weights) for w in weights if w],
        )
