"""The weighted mean of statistics, and a net that is trained with it."""

import pytest
import torch

from drmbids import BOLD, DRM, DRMConnection, DRMIterator, DRMNet, Leaky, Nuisance, Run, Stream
from drmbids.brain.losses.connectivity import Connectivity
from drmbids.brain.losses.resting_state import RestingState
from drmbids.brain.losses.spectra import Spectra
from drmbids.data.tools.exceptions import UsageError


def test_it_is_the_mean_of_its_parts() -> None:
    make = torch.Generator().manual_seed(0)
    series = torch.randn(2, 60, 1, 3, dtype=torch.float64, generator=make)
    got = RestingState(connectivity=3.0, lagged=0.0, spectra=1.0, low=0.02)(*series)
    wanted = 0.75 * Connectivity()(*series) + 0.25 * Spectra(low=0.02, high=0.1)(*series)
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("weights", [(-1.0, 1.0, 1.0), (0.0, 0.0, 0.0)])
def test_impossible_weights_are_refused(weights: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="weights must be"):
        RestingState(*weights)


def test_drm_trains_a_net_on_statistics_window_by_window() -> None:
    """Two units share a noise; how much is found from connectivity alone, in windows of a run."""
    make = torch.Generator().manual_seed(0)

    def net_of(shared: float) -> DRMNet:
        net = DRMNet(
            [Leaky(2, 3, tau=0.5)],
            [DRMConnection()],
            [[None]],
            BOLD([2], [2]),
            resolution=1.0,
            stimuli={"noise": ["a", "b", "both"]},
        )
        with torch.no_grad():
            net.populations[0].weight.copy_(torch.tensor([[1.0, 0, shared], [0, 1.0, shared]]))
            net.readout.weights[0].copy_(torch.eye(2))
        return net

    noise = Stream(torch.randn(600, 3, generator=make).numpy(), 0.5 + torch.arange(600.0).numpy())
    times = 2.0 * torch.arange(300.0).numpy()
    silent = Run(
        {"brain": Stream(0 * times[:, None] + [0.0, 0.0], times)}, {"noise": noise}, tr=2.0
    )

    def items(run: Run, window: int | None) -> DRMIterator:
        return DRMIterator.from_runs(
            [run], 1.0, window=window, nuisance=Nuisance("none", confounds=False)
        )

    (response,), _ = DRM(net_of(1.0), solve=False).forward(items(silent, None))
    run = Run({"brain": Stream(response, times)}, {"noise": noise}, tr=2.0)
    net = net_of(0.1)
    training = DRM(net, loss=RestingState(), solve=False, learning_rate=0.1)
    losses, _ = training.estimate(items(run, 100), n_epochs=15)
    assert min(losses) < 0.1 * losses[0]


def test_its_limits_are_those_of_its_parts() -> None:
    slow = torch.randn(80, 2, 3, generator=torch.Generator().manual_seed(0)).cumsum(0)
    loss = RestingState(connectivity=3.0, lagged=0.0, spectra=1.0, low=0.02)
    null, least = loss.limits(slow)
    assert null == pytest.approx(0.75 + 0.25 * Spectra(low=0.02, high=0.1).limits(slow)[0])
    assert least == 0 and loss.timed
