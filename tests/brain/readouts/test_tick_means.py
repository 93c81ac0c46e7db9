"""Readouts take activity as means of ticks: halving ticks quarters the error, and shifts nothing.

Each registered readout measures one smooth signal, given as its means over ticks, at times that lie
anywhere in them, at two resolutions and a much finer one.
"""

import numpy as np
import pytest
import torch

from drmbids.brain.readouts import HRFS, READOUTS
from drmbids.brain.readouts.base import DRMReadout
from drmbids.brain.readouts.bold import BOLD

SECONDS, TIMES = 16.0, torch.tensor([2.0, 3.3, 4.71, 7.0, 9.05, 11.62, 15.2], dtype=torch.float64)
#: Seconds a tick of readouts whose responses take milliseconds; of the others 0.2.
FAST = {"lfp": 0.0005}
#: Shorter responses than by default; and averages over the same time, not over one tick.
BUILT = {
    **{
        name: lambda n, name=name: READOUTS[name](n, [1], length=0.5)
        for name in ("behaviour", "lead_field", "single_population")
    },
    "spikes": lambda n: READOUTS["spikes"](n, [1], bin=0.5),
    "balloon": lambda n: READOUTS["balloon"](n, [1], length=SECONDS),
    "bold": lambda n: BOLD(n, [1], hrf=HRFS["double_gamma"](length=SECONDS)),
}


def features(readout: DRMReadout, resolution: float, scale: float) -> np.ndarray:
    """Return features of ``2 + sin(t) + sin(2.3 t + 1)``, time in units of ``scale`` s."""
    torch.manual_seed(0)
    readout.double().set_resolution(resolution)
    n = round(scale * SECONDS / resolution)
    edges = resolution / scale * np.arange(n + 1)
    integral = 2 * edges - np.cos(edges) - np.cos(2.3 * edges + 1) / 2.3
    values = torch.from_numpy(np.diff(integral) / (resolution / scale))[:, None, None]
    past = torch.zeros(readout.memory, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        (found,) = readout.features([torch.cat((past, values))], scale * TIMES)
    return found[:, 0].numpy()


@pytest.mark.parametrize("name", list(READOUTS))
def test_the_error_is_of_second_order(name: str) -> None:
    tick = FAST.get(name, 0.2)
    scale = tick / 0.2

    def run(resolution: float) -> np.ndarray:
        torch.manual_seed(1)  # of the weights of gated units
        build = BUILT.get(name, lambda n: READOUTS[name](n, [1]))
        return features(build([1]), resolution, scale)

    fine = run(tick / 16)
    errors = [np.abs(run(tick / k) - fine).max() for k in (1, 2)]
    assert errors[0] < 0.02 * np.abs(fine).max()
    assert errors[1] < 0.4 * errors[0] + 1e-9
