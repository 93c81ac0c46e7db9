"""Speed of the engine: forward and backward of windows of 50 s, one thread."""

import subprocess
import sys
from collections.abc import Callable

import torch

from benchmarks.rows import Row, compare, peak_mb
from drmbids import BOLD, GRU, Additive, DRMConnection, DRMNet
from drmbids.brain.testing.reference import naive_activity, naive_prediction

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


def over_arithmetic(batch: int = 16, seconds: float = 200.0) -> list[Row]:
    """Return the time of W1 over that of its products alone, at the rate of a large product."""
    torch.set_num_threads(1)
    net, large = two_areas(), torch.randn(1024, 1024)
    ours, product = compare(lambda: epoch(net, seconds, batch), lambda: large @ large, rounds=5)
    rate = 2 * 1024**3 / product
    n_ticks, n_measured = seconds / net.resolution, len(measured_times(WINDOW_S))
    weights = sum(p.weight.numel() for p in net.populations)
    # for each window: the hemodynamic response to each unit, then the map
    ticks = round(WINDOW_S / net.resolution)
    units = sum(net.readout.n_units)
    maps = sum(w.numel() for w in net.readout.weights)
    observed = n_measured * (units * (net.readout.memory + ticks) + maps) * seconds / WINDOW_S
    # a product is a multiplication and an addition for each weight; backward takes two of them
    limit = 3 * 2 * batch * (weights * n_ticks + observed) / rate
    detail = f"{1e6 * ours / n_ticks:.1f} us a tick, products alone {1e6 * limit / n_ticks:.1f} us"
    row = f"W1-batch-{batch}"
    return [Row(row, "engine", "time over the products", ours / limit, 4.0, True, detail)]


def print_growth(n_ticks: int) -> None:
    """Print by how many MB a run of W1 makes a process grow, stimuli drawn window by window."""
    torch.set_num_threads(1)
    net = two_areas()
    carry, times = net.initial_carry(1), measured_times(WINDOW_S)
    before = peak_mb()
    for _ in range(n_ticks // round(WINDOW_S / net.resolution)):
        stimulus = torch.randn(round(WINDOW_S / net.resolution), 1, N_STIMULI)
        prediction, _, carry = net.window([stimulus], times, None, carry)
        prediction.square().sum().backward()
        carry = carry.detach()
    print(peak_mb() - before)


def memory() -> list[Row]:
    """Return by how much more a process grows in a run ten times as long."""
    grown = []
    for n_ticks in (10_000, 100_000):
        call = f"from benchmarks.engine import print_growth; print_growth({n_ticks})"
        done = subprocess.run(
            [sys.executable, "-c", call], check=True, capture_output=True, text=True
        )
        grown.append(float(done.stdout))
    short, long = grown
    detail = f"{long:.1f} MB for 100,000 ticks against {short:.1f} MB for 10,000"
    return [Row("W1-memory", "engine", "growth over a short run", long / short, 1.1, True, detail)]


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
    "W1-batch-16": over_arithmetic,
    "W1-finer": finer_resolution,
    "W1-memory": memory,
}
