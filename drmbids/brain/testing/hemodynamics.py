"""The contract of hemodynamic responses."""

from collections.abc import Callable

import torch
from torch import Tensor

from drmbids.brain.readouts.hemodynamics import HRF
from drmbids.brain.testing.common import (
    DTYPES,
    check_copies,
    check_declared,
    check_gradients,
    randomise,
    require,
    require_equal,
    require_form,
    seeded,
)


def check_hrf(build: Callable[[int], HRF], n_regions: int = 2, device: str = "cpu") -> None:
    """Check that a hemodynamic response keeps its contract.

    Shapes and types; a function of the lag alone; zero before the activity and beyond its length;
    not zero in between; a basis function that voxels have in common; state dict and copies;
    gradients; units and documentation.

    Parameters
    ----------
    build : callable
        The class, or a function of ``n_regions``.
    n_regions : int
        Number of responses to build.
    device : str
        Where to compute.

    Raises
    ------
    AssertionError
        If a promise is broken; the message names it.

    Examples
    --------
    >>> from drmbids import DoubleGamma
    >>> check_hrf(lambda n_regions: DoubleGamma("glover", n_regions))
    """
    with seeded():
        for dtype, tolerance in DTYPES.items():
            single = build(n_regions).to(device=device, dtype=dtype)
            randomise(single)
            _check_values(single, n_regions, _lags(single, device, dtype), tolerance)
        hrf, fresh = (build(n_regions).to(device).double() for _ in range(2))
        lag = _lags(hrf, device, torch.float64)
        check_declared(hrf)
        check_copies(hrf, fresh, lambda h: h(lag))
        check_gradients(hrf, lambda h: h(lag[3:97:7]))


def _lags(hrf: HRF, device: str, dtype: torch.dtype) -> Tensor:
    """Return lags before, within and beyond a response."""
    return torch.linspace(-2.0, hrf.length + 2.0, 101, device=device, dtype=dtype)


def _check_values(hrf: HRF, n_regions: int, lag: Tensor, tolerance: float) -> None:
    name, values = type(hrf).__name__, hrf(lag)
    form = (n_regions, hrf.features_per_unit, len(lag))
    require_form(values, form, lag, f"{name}: the response")
    common = hrf.features_per_unit - hrf.n_deviations
    require(
        hrf.n_deviations >= 0 and common > 0,
        f"{name}: n_deviations={hrf.n_deviations} of {hrf.features_per_unit} basis functions "
        "leaves none that voxels have in common",
    )
    order = torch.randperm(len(lag)).to(lag.device)[:30]
    message = f"{name}: the value at a lag depends on the other lags"
    require_equal(hrf(lag[order]), values[..., order], tolerance, message)
    outside = (lag < 0) | (lag > hrf.length)
    require(not values[..., outside].any(), f"{name} is not zero before 0 or beyond length")
    shown = values[..., ~outside].abs().amax(-1) > 0
    require(bool(shown.all()), f"{name}: a response is zero everywhere")
