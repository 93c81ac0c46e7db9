"""LibraryHRF: responses known beforehand, mixed for each region or boiled down to a basis."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from drmbids.brain.readouts.hemodynamics import HRF
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.loops.fixed import Fixed
from drmbids.maths.signals.hrf import DOUBLE_GAMMA, double_gamma

#: Peaks in seconds to which each response of :data:`DOUBLE_GAMMA` is stretched, evenly spaced over
#: the range that the library of GLMsingle covers (Prince et al. 2022, eLife 11:e77599).
LIBRARY_PEAKS = tuple(2.7 + 3.0 * k / 9 for k in range(10))

#: Peak in seconds of the responses that are stretched, SPM's and Glover's alike.
STRETCHED_PEAK = 5.0

_PEAKS = Fixed(torch.tensor(LIBRARY_PEAKS, dtype=torch.float64))

# Step in seconds at which shapes are compared.
_STEP = 0.1


def response_library(lag: Tensor) -> Tensor:
    """Return SPM's and Glover's response stretched in time to each of :data:`LIBRARY_PEAKS`.

    Width and undershoot are stretched as well: of measured responses the late ones are wider. The
    undershoot of SPM's is shallow, Glover's is deep.

    Parameters
    ----------
    lag : Tensor of shape (n_lags,)
        Seconds.

    Returns
    -------
    Tensor of shape (20, n_lags)
        In 1/s, the area of each 1: those of SPM from early to late, then those of Glover.
    """
    stretch = _PEAKS.on(lag.device).to(lag.dtype)[:, None] / STRETCHED_PEAK
    shapes = [
        double_gamma(lag / stretch, **{name: lag.new_full((), x) for name, x in constants.items()})
        for constants in DOUBLE_GAMMA.values()
    ]
    return torch.cat(shapes) / stretch.repeat(len(shapes), 1)


class LibraryHRF(HRF):
    """A response out of a library of 20 shapes that peak between 2.7 and 5.7 s.

    The library holds SPM's and Glover's response, each stretched in time to 10 peaks.

    Either each region has a mixture of the shapes, whose shares training moves (a soft choice), or
    the principal components of the library are basis functions, and the solved maps find the
    response of every voxel to every unit.

    Parameters
    ----------
    n_regions : int
        Number of responses; 1 is shared by all regions.
    n_components : int, optional
        Principal components that become features of each unit, from 1 to 20, where 5 hold every
        shape to within 3 %; a mixture for each region when absent.
    length : float
        Seconds after which the response is cut off.

    Raises
    ------
    ModelError
        If the number of components is not from 1 to 20.

    References
    ----------
    Prince et al. 2022, eLife 11:e77599 (a library of 20 shapes); Woolrich et al. 2004, NeuroImage
    21:1748-1761 (principal components of possible responses as a basis).

    Examples
    --------
    >>> import torch
    >>> lag = torch.arange(0.0, 32.0, 0.5)
    >>> LibraryHRF(n_regions=2)(lag).shape, LibraryHRF(n_components=5)(lag).shape
    (torch.Size([2, 1, 64]), torch.Size([1, 5, 64]))
    """

    measures: ClassVar[str] = "bold"
    mixtures: Tensor

    def __init__(self, n_regions: int = 1, n_components: int | None = None, length: float = 32.0):
        n_shapes = len(LIBRARY_PEAKS) * len(DOUBLE_GAMMA)
        if n_components is not None and not 1 <= n_components <= n_shapes:
            raise ModelError(
                f"the library has {n_shapes} components, got n_components={n_components}"
            )
        super().__init__(n_regions, length, n_components or 1, (n_components or 1) - 1)
        self.n_components = n_components
        if n_components is None:
            self.logits = nn.Parameter(torch.zeros(n_regions, n_shapes))
        else:
            self.register_buffer("mixtures", self._components(n_components), persistent=False)

    def _components(self, n_components: int) -> Tensor:
        """Return the shares of the shapes in each component, of area 1 under its absolute value."""
        shapes = response_library(torch.arange(0.0, self.length, _STEP, dtype=torch.float64))
        size = shapes.norm(dim=1, keepdim=True)  # every shape counts alike
        shares = (
            torch.linalg.svd(shapes / size, full_matrices=False).U[:, :n_components].mT / size.mT
        )
        curves = shares @ shapes
        largest = curves.gather(1, curves.abs().argmax(1, keepdim=True))
        area = curves.abs().sum(1, keepdim=True) * _STEP
        return (shares * largest.sign() / area).to(torch.get_default_dtype())

    def forward(self, lag: Tensor) -> Tensor:
        """Return the responses at the lags, shape (n_regions, features_per_unit, n_lags)."""
        shapes = response_library(lag) * self._within(lag)
        if self.n_components is None:
            return (torch.softmax(self.logits, -1) @ shapes).unsqueeze(1)
        return (self.mixtures @ shapes).expand(self.n_regions, -1, -1)
