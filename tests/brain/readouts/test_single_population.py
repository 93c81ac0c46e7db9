"""SinglePopulation records a unit or a mean as it is, with a gain and a baseline."""

import numpy as np
import pytest
import torch

from drmbids.brain.readouts.single_population import SinglePopulation
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError
from drmbids.fit.maps.bands import feature_bands


def features(units, n_units=(3, 2), sources=None, n_targets=(1, 1)):
    readout = SinglePopulation(n_units, n_targets, sources=sources, units=units)
    readout.set_resolution(0.1)
    activity = [torch.randn(readout.memory + 5, 1, n) for n in n_units]
    times = torch.tensor([0.1, 0.5])
    now = [a[readout.memory :][[0, 4]] for a in activity]
    return readout.features(activity, times), now, readout


def test_units_and_means_are_those_of_the_population():
    found, now, _ = features([2, 0])
    torch.testing.assert_close(found[0][..., 0], now[0][..., 2])
    torch.testing.assert_close(found[1][..., 0], now[1][..., 0])
    found, now, _ = features(None)
    torch.testing.assert_close(found[0][..., 0], now[0].mean(-1))


def test_a_region_of_two_populations_has_a_gain_and_a_penalty_for_each():
    found, now, readout = features([1], sources=[[0, 1]], n_targets=(4,))
    torch.testing.assert_close(found[0], torch.stack([now[0][..., 1], now[1][..., 1]], -1))
    assert feature_bands(readout, 0).tolist() == [0, 1]


def test_gain_and_baseline_are_recovered(recording) -> None:
    rng = np.random.default_rng(0)
    brain = recording(
        [rng.standard_normal((200, 2)) for _ in range(2)], 0.1, 0.1 * np.arange(1, 201)
    )

    def build() -> SinglePopulation:
        return SinglePopulation([2], [1], regions=["R"], nuisance=Nuisance("none"), units=[1])

    runs = brain.drawn(build(), [[-3.0]], noise=0.5, baseline=7.0)
    found = brain.fitted(runs, build()).net.readout
    assert found.weights[0].item() == pytest.approx(-3.0, abs=0.1)
    assert found.bias.item() == pytest.approx(7.0, abs=0.1)


@pytest.mark.parametrize(
    ("units", "message"), [([0], "1 units for 2 regions"), ([0, 2], "unit 2 of 2")]
)
def test_faulty_units(units, message) -> None:
    with pytest.raises(ModelError, match=message):
        features(units)
