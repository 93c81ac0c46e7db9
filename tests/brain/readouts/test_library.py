"""LibraryHRF: stated peaks, mixtures, components."""

import pytest
import torch

from drmbids.brain.readouts.library import LIBRARY_PEAKS, LibraryHRF, response_library
from drmbids.data.tools.exceptions import ModelError

LAG = torch.arange(0.0, 60.0, 0.01, dtype=torch.float64)


def test_shapes_peak_where_they_say_and_have_an_area_of_one() -> None:
    shapes = response_library(LAG)
    assert shapes.shape == (20, len(LAG))
    assert (LIBRARY_PEAKS[0], LIBRARY_PEAKS[-1]) == pytest.approx((2.7, 5.7))
    peaks = LAG[shapes.argmax(1)]
    wanted = torch.tensor(LIBRARY_PEAKS).double().repeat(2)
    torch.testing.assert_close(peaks, wanted, atol=0.02, rtol=0)
    torch.testing.assert_close(shapes.sum(1) * 0.01, torch.ones(20).double(), atol=1e-4, rtol=0)
    widths = (shapes > shapes.amax(1, keepdim=True) / 2).sum(1)
    assert (widths.view(2, 10).diff(dim=1) > 0).all()
    depths = -shapes.amin(1) / shapes.amax(1)
    assert (depths[:10] < 0.1).all() and (depths[10:] > 0.25).all()


def test_a_mixture_comes_down_to_one_shape() -> None:
    hrf = LibraryHRF(n_regions=2).double()
    lag = LAG[LAG < 32]
    torch.testing.assert_close(hrf(lag)[0, 0], response_library(lag).mean(0))
    with torch.no_grad():
        hrf.logits[1, 7] = 50.0
    torch.testing.assert_close(hrf(lag)[1, 0], response_library(lag)[7])


@pytest.mark.parametrize(("n_components", "error"), [(1, 0.85), (3, 0.16), (5, 0.03), (8, 0.005)])
def test_few_components_hold_nearly_the_whole_library(n_components: int, error: float) -> None:
    lag = LAG[LAG < 32]
    components = LibraryHRF(n_components=n_components)(lag.float())[0].double()
    assert components.shape == (n_components, len(lag))
    torch.testing.assert_close(
        components.abs().sum(1) * 0.01, torch.ones(n_components).double(), rtol=0.01, atol=0
    )
    assert (components.gather(1, components.abs().argmax(1, keepdim=True)) > 0).all()
    shapes = response_library(lag)
    fit = torch.linalg.lstsq(components.mT, shapes.mT).solution.mT @ components
    assert ((fit - shapes).norm(dim=1) / shapes.norm(dim=1)).max() < error


@pytest.mark.parametrize("n_components", [0, 21])
def test_faulty_arguments(n_components: int) -> None:
    with pytest.raises(ModelError, match=f"20 components, got n_components={n_components}"):
        LibraryHRF(n_components=n_components)
