"""Training on a GPU: windows started kernel by kernel against windows captured as CUDA graphs."""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.engine import N_STIMULI, gru_chain, two_areas, whole_brain
from benchmarks.rows import Absent, Row
from drmbids import DRM, DRMIterator, DRMNet

#: Seconds of activity, and of a window.
SECONDS, WINDOW_S = 1000.0, 50.0


def data_for(net: DRMNet) -> DRMIterator:
    """Return stimuli and responses of noise, one measurement every 2 s."""
    make = np.random.default_rng(0)
    shown = np.arange(0.0, SECONDS, net.resolution)
    measured = np.arange(1.0, SECONDS, 2.0)
    return DRMIterator(
        net.resolution,
        make.standard_normal((len(shown), N_STIMULI)),
        shown,
        make.standard_normal((len(measured), sum(net.readout.n_targets))),
        measured,
        window=round(WINDOW_S / net.resolution),
        device="cuda",
    )


def train(build: Callable[[], DRMNet], cuda_graph: bool) -> tuple[float, float]:
    """Return the median seconds of an epoch after the first two, and the last loss."""
    model = DRM(build(), device="cuda", cuda_graph=cuda_graph)
    started: list[float] = []

    def note(_: object) -> None:
        torch.cuda.synchronize()
        started.append(time.perf_counter())

    model.callbacks = (note,)
    losses, _ = model.estimate(data_for(model.net), n_epochs=8)
    return statistics.median(np.diff(started[2:])), losses[-1]


def captured(name: str, build: Callable[[], DRMNet], target: float) -> list[Row]:
    """Return the time of an epoch with captured windows over that without, and the losses' gap."""
    if not torch.cuda.is_available():
        raise Absent("CUDA device")
    device = torch.cuda.get_device_name()
    eager, plain = train(build, False)
    graph, loss = train(build, True)
    detail = f"{1e3 * graph:.1f} ms an epoch against {1e3 * eager:.1f} ms, {device}"
    gap = abs(loss - plain) / plain
    return [
        Row(name, "CUDA graph", "time over kernel by kernel", graph / eager, target, True, detail),
        Row(name, "CUDA graph", "relative gap of the losses", gap, 1e-4, True, ""),
    ]


ROWS: dict[str, Callable[[], list[Row]]] = {
    "W1-graph": lambda: captured("W1-graph", two_areas, 0.5),
    "W2-graph": lambda: captured("W2-graph", whole_brain, 0.5),
    "W3-graph": lambda: captured("W3-graph", gru_chain, 0.8),
}
