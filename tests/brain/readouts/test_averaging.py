"""Windows before a measurement hold the activity they say, and nothing after it."""

import pytest
import torch

from drmbids.brain.readouts.behaviour import Behaviour
from drmbids.data.tools.exceptions import ModelError


def test_windows_one_before_the_other_hold_their_own_activity():
    readout = Behaviour([1], [1], length=0.2, lag=0.1, n_windows=3)
    readout.set_resolution(0.1)
    n = readout.memory + 20
    activity = torch.arange(n, dtype=torch.float64)[:, None, None]
    at = 1.0  # ticks end at whole tenths: the tick that ends there is the tenth of the window
    (x,) = readout.features([activity], torch.tensor([at], dtype=torch.float64))
    last = readout.memory + 9 - 1  # one tick of lag
    wanted = [(last - 2 * k + last - 2 * k - 1) / 2 for k in range(3)]
    torch.testing.assert_close(x[0, 0], torch.tensor(wanted, dtype=torch.float64))


def test_one_tick_is_what_counts_without_a_length():
    readout = Behaviour([1], [1])
    readout.set_resolution(0.1)
    activity = torch.arange(readout.memory + 9, dtype=torch.float64)[:, None, None]
    (x,) = readout.features([activity], torch.tensor([0.3, 0.35], dtype=torch.float64))
    first = readout.memory
    torch.testing.assert_close(x[:, 0, 0], torch.tensor([first + 2.0, first + 2.5]).double())


@pytest.mark.parametrize("options", [{"length": 0.0}, {"lag": -0.1}, {"n_windows": 0}])
def test_faulty_arguments(options: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="Behaviour"):
        Behaviour([1], [1], **options)
