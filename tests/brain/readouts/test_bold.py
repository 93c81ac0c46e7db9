"""BOLD: convolution against a fine reference, regions, and the cache of lags."""

import copy

import numpy as np
import pytest
import torch
from scipy import integrate

from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma, SmoothHRF
from drmbids.data.tools.exceptions import ModelError


def identity(n: int, resolution: float, **options: object) -> BOLD:
    """Return a readout in float64 of one region that shows its units as they are."""
    readout = BOLD([n], [n], **options).double()
    readout.set_resolution(resolution)
    with torch.no_grad():
        readout.weights[0].copy_(torch.eye(n))
    return readout


@pytest.mark.parametrize(("resolution", "tolerance"), [(0.5, 2e-3), (0.1, 1e-4), (0.02, 5e-6)])
def test_a_block_of_activity_gives_the_integral_of_the_response(
    resolution: float, tolerance: float
) -> None:
    """The midpoint rule: its error falls with the square of the resolution."""
    readout = identity(1, resolution)
    n_ticks = round(40 / resolution)
    start, stop = 4.0, 10.0
    activity = torch.zeros(readout.memory + n_ticks, 1, 1, dtype=torch.float64)
    first = readout.memory + round(start / resolution)
    activity[first : first + round((stop - start) / resolution)] = 1.0
    times = torch.tensor([3.9, 6.0, 9.37, 14.0, 22.22, 35.0], dtype=torch.float64)
    got = readout([activity], times)[:, 0, 0].detach().numpy()

    def response(lag: float) -> float:
        return readout.hrf(torch.tensor([lag], dtype=torch.float64)).item()

    wanted = [
        integrate.quad(response, max(t - stop, 0), max(t - start, 0), limit=200)[0]
        for t in times.tolist()
    ]
    np.testing.assert_allclose(got, wanted, atol=tolerance)


def test_steady_activity_gives_its_own_size() -> None:
    readout = identity(1, 0.1)
    activity = torch.full((readout.memory + 10, 1, 1), 3.0, dtype=torch.float64)
    got = readout([activity], torch.tensor([0.5], dtype=torch.float64)).item()
    assert got == pytest.approx(3.0, rel=1e-3)


def test_nothing_beyond_the_length_in_single_precision() -> None:
    readout = BOLD([1], [1])
    readout.set_resolution(0.5)
    matrix = readout.response_matrix(torch.tensor([60.0]), 0, 120, torch.zeros(()))[0][0, 0, 0]
    lag = 60.0 - 0.5 * (torch.arange(120) + 0.5)
    assert not matrix[lag > 32.0].any()
    assert matrix[(lag > 1.0) & (lag < 32.0)].all()


def test_regions_read_their_sources() -> None:
    readout = BOLD([2, 3], [4, 5, 1], sources=[[1], [0, 1], [0]], regions=["a", "b", "c"])
    assert [w.shape for w in readout.weights] == [(3, 4), (5, 5), (2, 1)]
    activity = [torch.randn(readout.memory + 4, 1, n) for n in (2, 3)]
    first, both, last = readout.features(activity, torch.tensor([0.2]))
    torch.testing.assert_close(both, torch.cat([last, first], -1))


def test_each_region_can_have_its_own_response() -> None:
    readout = BOLD([2, 2], [1, 1], per_region=True)
    readout.hrf.set_value("delay", torch.tensor([4.0, 9.0]))
    readout.set_resolution(0.5)
    pulse = torch.zeros(readout.memory + 60, 1, 2)
    pulse[readout.memory] = 1.0
    times = torch.arange(0.0, 30.0, 0.25)
    early, late = readout.features([pulse, pulse], times)
    assert times[early[:, 0, 0].argmax()] + 3 < times[late[:, 0, 0].argmax()]


def test_lags_are_found_once_and_do_not_travel() -> None:
    readout = identity(1, 0.5)
    activity = torch.randn(readout.memory + 8, 1, 1, dtype=torch.float64)
    for k in range(100):  # more windows than are kept
        readout([activity], torch.tensor([0.01 * k]))
    assert 0 < len(readout._lags) <= 64
    assert copy.deepcopy(readout)._lags == {}
    before = readout([activity], torch.tensor([1.0]))
    readout.hrf.set_value("delay", 4.0)  # a change of the response is seen
    assert not torch.allclose(readout([activity], torch.tensor([1.0])), before)


def test_gradient_after_prediction_in_inference_mode() -> None:
    readout = identity(1, 0.5)
    activity, times = torch.randn(readout.memory + 8, 1, 1).double(), torch.tensor([1.0, 3.0])
    with torch.inference_mode():
        readout([activity], times)
    readout([activity], times).sum().backward()
    assert readout.hrf.free_delay.grad.any()


def test_shared_confounds() -> None:
    readout = BOLD([1], [2], n_confounds=1)
    activity = torch.randn(readout.memory + 4, 3, 1)
    with pytest.raises(ModelError, match="needs 1 confounds, got none"):
        readout([activity], torch.tensor([0.1]))
    assert readout([activity], torch.tensor([0.1]), torch.ones(1, 3, 1)).shape == (1, 3, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_units": [1, 2, 3], "n_targets": [1, 2]}, "2 regions and 3 populations"),
        ({"n_units": [1], "n_targets": [1], "regions": ["a", "b"]}, "2 regions, 1 target counts"),
        ({"n_units": [1], "n_targets": [1], "sources": [[1]]}, "sources ((1,),) of 1 populations"),
        ({"n_units": [1], "n_targets": [1], "sources": [[]]}, "sources ((),) of 1 populations"),
        (
            {"n_units": [1], "n_targets": [1], "hrf": DoubleGamma(n_regions=3)},
            "the hrf has 3 responses for 1 regions",
        ),
    ],
)
def test_faulty_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        BOLD(**arguments)
    assert message in str(caught.value)


def test_a_response_of_any_kind() -> None:
    readout = BOLD([1], [1], hrf=SmoothHRF(length=20.0))
    readout.set_resolution(0.5)
    assert readout.memory == 40


def test_features_of_several_basis_functions() -> None:
    """All units through the response first, then all through its derivative."""
    plain = identity(3, 0.5, hrf=DoubleGamma(trainable=False))
    readout = BOLD([3], [2], hrf=DoubleGamma(trainable=False, derivatives="time")).double()
    readout.set_resolution(0.5)
    activity = [torch.randn(readout.memory + 20, 2, 3).double()]
    times, later = torch.tensor([2.0, 5.3]).double(), torch.tensor([2.001, 5.301]).double()
    (features,) = readout.features(activity, times)
    assert features.shape == (2, 2, 6) and readout.weights[0].shape == (6, 2)
    before, after = (plain.features(activity, t)[0] for t in (times, later))
    torch.testing.assert_close(features[..., :3], before)
    torch.testing.assert_close(features[..., 3:], (after - before) / 0.001, atol=1e-3, rtol=1e-3)


def test_the_response_of_a_region_is_its_own_where_there_is_one() -> None:
    lag = torch.arange(0.0, 32.0, 0.5)
    readout = BOLD([1, 1], [2, 2], per_region=True)
    assert torch.equal(readout.responses(lag), readout.hrf(lag)[:, 0])
    shared = BOLD([1, 1], [2, 2])
    assert torch.equal(shared.responses(lag), shared.hrf(lag)[:, 0].expand(2, -1))


def test_the_response_of_a_region_is_the_curve_nearest_to_those_of_its_voxels() -> None:
    lag = torch.arange(0.0, 32.0, 0.1).double()
    readout = BOLD([2, 1], [5, 4], hrf=DoubleGamma(derivatives="time_and_dispersion")).double()
    assert not readout.responses(lag).any()  # nothing is known yet
    basis = readout.hrf(lag)[0].detach()
    curve = torch.tensor([1.0, 0.6, -0.3]).double()
    with torch.no_grad():
        gains = torch.randn(2, 5).double()
        readout.weights[0].copy_((curve[:, None, None] * gains).flatten(0, 1))
        readout.weights[1].normal_()
    first, second = readout.responses(lag)
    alone = curve @ basis
    torch.testing.assert_close(first, alone / (alone.abs().sum() * 0.1))  # all voxels agree
    assert (second.abs().sum() * 0.1).item() == pytest.approx(1.0)
    assert second.max() == second.abs().max()
    curves = readout.weights[1].detach().mT @ basis
    leading = torch.linalg.svd(curves, full_matrices=False).Vh[0]
    assert abs(torch.corrcoef(torch.stack([leading, second]))[0, 1].item()) == pytest.approx(1.0)
