"""Delays carry means of ticks: what arrives in a tick is the mean of what was sent in it.

The source is a smooth signal whose means over any stretch are known. A whole number of ticks is
exact; what lies between is interpolated, to second order and without a shift.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from drmbids import DRMConnection, LearnedDelay, Tracts

N_TICKS = 60


def means(resolution: float, delay: float = 0.0) -> np.ndarray:
    """Return the means over ticks of ``sin(t) + sin(2.3 t + 1)``, seen a delay later."""
    edges = resolution * np.arange(N_TICKS + 1) - delay
    integral = -np.cos(edges) - np.cos(2.3 * edges + 1) / 2.3
    return np.diff(integral) / resolution


def arrived(connection: DRMConnection, resolution: float) -> np.ndarray:
    """Return what arrives in the ticks whose whole past is there."""
    connection.double().set_resolution(resolution)
    sent = torch.from_numpy(means(resolution))[:, None, None]
    with torch.no_grad():
        return connection.arrive(connection(sent))[:, 0, 0].numpy()


def test_a_whole_number_of_ticks_is_exact() -> None:
    got = arrived(DRMConnection(0.6), 0.2)
    np.testing.assert_allclose(got[: N_TICKS - 3], means(0.2, 0.6)[3:], atol=1e-12)


@pytest.mark.parametrize(
    "build",
    [
        lambda: LearnedDelay(0.73, 0.3, 1.4),
        lambda: Tracts([[1.0]], [[730.0]], 1.0, 0.5, 2.0),
    ],
    ids=["learned_delay", "tracts"],
)
def test_what_is_between_ticks_comes_neither_early_nor_late(
    build: Callable[[], DRMConnection],
) -> None:
    errors = []
    for resolution in (0.2, 0.1):
        connection = build()
        got = arrived(connection, resolution)
        wanted = means(resolution, 0.73)[connection.longest_ticks :]
        got = got[: len(wanted)]
        slope = np.gradient(wanted, resolution)
        later = ((wanted - got) * slope).sum() / (slope**2).sum()
        assert abs(later) < 0.004  # a half tick is 0.1 or 0.05 s
        errors.append(np.abs(got - wanted).max())
    assert errors[1] < 0.5 * errors[0] < 0.02
