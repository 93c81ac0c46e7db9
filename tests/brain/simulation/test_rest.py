"""Simulated rest against the closed form, and against itself."""

import numpy as np
import pytest
import torch

from drmbids.brain.simulation.rest import rest_net, simulate_rest
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.signals.spectra import cross_spectra, segments

WEIGHTS = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
LENGTHS = np.array([[0.0, 0.0, 60.0], [100.0, 0.0, 0.0], [30.0, 80.0, 0.0]])
OPTIONS = {"mass": "ornstein_uhlenbeck", "values": {"tau": 0.05}, "resolution": 0.002}


def test_the_net_delays_by_length_over_velocity() -> None:
    """An impulse of one unit arrives at another after the tract's delay."""
    net = rest_net(WEIGHTS, LENGTHS, "ornstein_uhlenbeck", 1.0, 5.0, resolution=0.001).double()
    kick = torch.zeros(60, 1, 3, dtype=torch.float64)
    kick[0, 0, 0] = 1.0
    with torch.no_grad():
        (activity,), _, _ = net.run([kick], net.initial_carry(1))
    first = (activity[:, 0, 1] > 1e-12).nonzero()[0].item()
    assert first == 20  # 100 mm at 5 m/s


def test_spectra_are_those_of_the_closed_form() -> None:
    net = rest_net(
        WEIGHTS, LENGTHS, "ornstein_uhlenbeck", 0.6, 5.0, values={"tau": 0.05}, resolution=0.002
    )
    masses = net.population_list[0]
    with torch.no_grad():  # 300 brains side by side
        (activity,), _, _ = net.run([masses.draw_noise(1200, 300, 0)], net.initial_carry(300))
    cut = segments(activity[200:].double(), 0.002, 500)
    got = cross_spectra(cut, 4.0, 20.0).mean(1)
    omega = 2j * np.pi * np.arange(4, 21.0)[:, None, None]

    def error(velocity: float) -> float:
        heard = 0.6 * WEIGHTS * np.exp(-omega * LENGTHS / (1000 * velocity))
        mixed = np.linalg.inv((0.05 * omega + 1) * np.eye(3) - heard) * 0.05 * 0.01
        wanted = mixed @ mixed.conj().transpose(0, 2, 1)
        return np.abs(got.numpy() - wanted).mean() / np.abs(wanted).mean()

    assert error(5.0) < 0.08  # of 900 segments
    assert min((3.0, 4.0, 5.0, 6.5, 8.0), key=error) == 5.0


def test_the_same_seed_gives_the_same_run_whatever_the_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(seed: int) -> np.ndarray:
        made = simulate_rest(
            WEIGHTS, duration=8.0, tr=1.0, settle=1.0, noise=0.2, random_state=seed,
            mass="ornstein_uhlenbeck", resolution=0.02,
        )  # fmt: skip
        return made.responses["brain"].values

    first = run(3)
    np.testing.assert_array_equal(first, run(3))
    assert not np.array_equal(first, run(4))
    monkeypatch.setattr("drmbids.brain.simulation.rest.WINDOW", 300)
    shorter = run(3)  # noise is drawn by window: another run, as long and as large
    assert shorter.shape == first.shape and 0.3 < shorter.std() / first.std() < 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mass": "gru"}, "there is no mass 'gru'"),
        ({"duration": 1.0}, "need resolution <= tr"),
        ({"values": {"sigm": 1.0}}, "no constant 'sigm'"),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises((UsageError, ValueError), match=message):
        simulate_rest(WEIGHTS, **{"duration": 10.0, "resolution": 0.01, **options})
