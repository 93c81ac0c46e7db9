"""Speed of the engine: forward and backward of windows of 50 s, one thread."""

from collections.abc import Callable

import torch

from benchmarks.rows import Row, compare
from drmbids import BOLD, GRU, Additive, DRMConnection, DRMNet
from drmbids.testing.reference import naive_activity, naive_prediction

WINDOW_S, N_STIMULI = 50.0, 20


def two_areas(units: int = 64, feedback: int = 5, finer: int = 1) -> DRMNet:
    """Return W1: two areas with feedback, delays in ticks of 0.1 s, 200 voxels each."""
    torch.manual_seed(0)
    dt = 0.1 / finer
    return DRMNet(
        [Additive(units, N_STIMULI + units), Additive(units, units)],
        [DRMConnection(0.1), None],
        [[None, DRMConnection(0.1 * feedback)], [DRMConnection(0.1), None]],
        BOLD([units, units], [200, 200]),
        resolution=dt,
    )


def whole_brain(n: int = 68) -> DRMNet:
    """Return W2: 68 one-unit regions, 4,556 connections with delays of 1 to 20 ticks."""
    torch.manual_seed(0)
    place = torch.rand(n, 3)
    distance = torch.cdist(place, place)
    ticks = (1 + distance / distance.max() * 19).round().int()
    regions = [Additive(1, N_STIMULI + n - 1, nonlinearity="tanh") for _ in range(n)]
    with torch.no_grad():
        for region in regions:
            region.weight.normal_(0.0, 0.9 / (N_STIMULI + n - 1) ** 0.5)
    return DRMNet(
        regions,
        [DRMConnection(0.1) for _ in range(n)],
        [
            [DRMConnection(0.1 * int(ticks[i, j])) if i != j else None for j in range(n)]
            for i in range(n)
        ],
        BOLD([1] * n, [1] * n),
        resolution=0.1,
        stimuli={"stimulus": N_STIMULI},
    )


def gru_chain(n: int = 8, units: int = 128) -> DRMNet:
    """Return W3: eight GRU areas in a row, 200 voxels each."""
    torch.manual_seed(0)
    return DRMNet(
        [GRU(units, units if k else N_STIMULI) for k in range(n)],
        [DRMConnection(0.1) if k == 0 else None for k in range(n)],
        [[DRMConnection(0.1) if j == i - 1 else None for j in range(n)] for i in range(n)],
        BOLD([units] * n, [200] * n),
        resolution=0.1,
    )


def epoch(net: DRMNet, seconds: float, batch: int = 1) -> None:
    """Run forward and backward over a series in windows of 50 s, one measurement every 2 s."""
    torch.manual_seed(1)
    n_ticks, length = round(seconds / net.resolution), round(WINDOW_S / net.resolution)
    stimulus, carry = torch.randn(n_ticks, batch, N_STIMULI), net.initial_carry(batch)
    for start in range(0, n_ticks, length):
        window = stimulus[start : start + length]
        times = measured_times(len(window) * net.resolution)
        prediction, _, carry = net.window([window], times, None, carry)
        prediction.square().sum().backward()
        carry = carry.detach()


def naive_epoch(net: DRMNet, seconds: float, batch: int = 1) -> None:
    """Run the same with the loop over ticks that the tests hold the engine to."""
    torch.manual_seed(1)
    stimulus = torch.randn(round(seconds / net.resolution), batch, N_STIMULI)
    activity = naive_activity(net, [stimulus])
    naive_prediction(net, activity, measured_times(seconds)).square().sum().backward()


def measured_times(seconds: float) -> torch.Tensor:
    """Return one time every 2 s."""
    return torch.arange(1.95, seconds, 2.0, dtype=torch.float64)


def against_loop(
    name: str, net: DRMNet, seconds: float, naive_seconds: float, target: float
) -> list[Row]:
    """Return the time of a tick over that of the naive loop, which runs fewer ticks if slow."""
    torch.set_num_threads(1)
    ours, theirs = compare(lambda: epoch(net, seconds), lambda: naive_epoch(net, naive_seconds))
    ours, theirs = ours / seconds * net.resolution, theirs / naive_seconds * net.resolution
    detail = f"{1e6 * ours:.1f} us a tick against {1e6 * theirs:.0f} us, 1/{theirs / ours:.0f}"
    return [Row(name, "engine", "time over naive step loop", ours / theirs, target, True, detail)]


def finer_resolution() -> list[Row]:
    """Return the cost of ten times as many ticks for the same seconds and delays."""
    torch.set_num_threads(1)
    coarse, fine = two_areas(), two_areas(finer=10)
    slow, fast = compare(lambda: epoch(fine, 500.0), lambda: epoch(coarse, 500.0))
    detail = f"{slow:.3f} s against {fast:.3f} s for 500 s of activity"
    return [Row("W1-finer", "engine", "time over the coarse run", slow / fast, 3.0, True, detail)]


ROWS: dict[str, Callable[[], list[Row]]] = {
    "W1": lambda: against_loop("W1", two_areas(), 1000.0, 200.0, 1 / 9),
    "W2": lambda: against_loop("W2", whole_brain(), 1000.0, 10.0, 1 / 300),
    "W3": lambda: against_loop("W3", gru_chain(), 100.0, 50.0, 1 / 5),
    "W1-finer": finer_resolution,
}
