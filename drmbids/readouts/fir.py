"""FIR: a response of any shape, its value at each delay a feature."""

from torch import Tensor

from drmbids.core.exceptions import ModelError
from drmbids.functional.hrf import tent_basis
from drmbids.readouts.hemodynamics import HRF


class FIR(HRF):
    """A finite impulse response: free at evenly spaced delays, linear between them.

    Each delay is a feature of every unit, so that the solved maps find the response of every voxel
    to every unit; it starts at 0 and ends at 0. The penalty is on the size of the response alone,
    not on its roughness.

    Parameters
    ----------
    n_regions : int
        Number of responses. All are alike: what differs between regions is in the maps.
    n_delays : int
        Number of delays; 15 are 2 s apart in 32 s.
    length : float
        Seconds covered.

    Raises
    ------
    ModelError
        If there is no delay.

    References
    ----------
    Glover 1999, NeuroImage 9:416-429; Dale 1999, Human Brain Mapping 8:109-114.

    Examples
    --------
    >>> import torch
    >>> FIR(n_delays=3, length=8.0)(torch.tensor([2.0, 3.0, 4.0]))[0]
    tensor([[0.5000, 0.2500, 0.0000],
            [0.0000, 0.2500, 0.5000],
            [0.0000, 0.0000, 0.0000]])
    """

    def __init__(self, n_regions: int = 1, n_delays: int = 15, length: float = 32.0):
        if n_delays < 1:
            raise ModelError(f"a finite impulse response needs a delay, got n_delays={n_delays}")
        super().__init__(n_regions, length, n_delays)
        self.n_delays = n_delays

    def forward(self, lag: Tensor) -> Tensor:
        """Return one tent for each delay, shape (n_regions, n_delays, n_lags)."""
        tents = tent_basis(lag, self.length / (self.n_delays + 1), self.n_delays)
        return (tents.mT * self._within(lag)).expand(self.n_regions, -1, -1)
