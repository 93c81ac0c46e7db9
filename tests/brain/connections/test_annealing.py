"""The width of kernels over the epochs of training."""

import pytest
from torch import nn

from drmbids.brain.connections.annealing import anneal_delays, delay_width, set_delay_width
from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.connections.tracts import Tracts


@pytest.mark.parametrize("n_epochs", [1, 2, 3, 10, 100])
def test_the_width_falls_to_0_and_stays_there(n_epochs: int) -> None:
    widths = [delay_width(epoch, n_epochs) for epoch in range(n_epochs + 1)]
    assert widths[0] == 0.5 and widths[-1] == 0.0
    assert widths == sorted(widths, reverse=True)
    if n_epochs >= 3:
        assert sum(w == 0 for w in widths[:-1]) >= n_epochs // 3


def test_only_trained_delays_are_widened() -> None:
    pair = {"weights": [[1.0]], "lengths": [[30.0]], "velocity": 3.0}
    limits = {"velocity_min": 1.0, "velocity_max": 6.0}
    fixed = [
        DRMConnection(0.2),
        LearnedDelay(0.2, 0.1, 0.5, trainable=False),
        Tracts(**pair, **limits, trainable=("strength",)),
    ]
    trained = [LearnedDelay(0.2, 0.1, 0.5), Tracts(**pair, **limits, trainable=("velocity",))]
    assert set_delay_width(nn.ModuleList([*fixed, *trained]), 0.3)
    assert [c.width for c in [*fixed, *trained]] == [0.0, 0.0, 0.0, 0.3, 0.3]
    assert not set_delay_width(nn.ModuleList(fixed), 0.3)


@pytest.mark.parametrize("n_epochs", [0, 1, 4, 50])
def test_there_is_one_epoch_at_which_wide_kernels_end(n_epochs: int) -> None:
    learned = LearnedDelay(0.2, 0.1, 0.5)
    ends = []
    for epoch in range(n_epochs + 1):
        ends.append(anneal_delays(learned, epoch, n_epochs))
        assert learned.width == delay_width(epoch, n_epochs)
    assert learned.width == 0.0
    assert sum(ends) == (n_epochs > 0)
    assert not any(anneal_delays(DRMConnection(0.2), epoch, 9) for epoch in range(10))
