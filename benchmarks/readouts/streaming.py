"""Functional connectivity of a long run, window by window: same numbers, memory of a window."""

import json
import subprocess
import sys

import torch

from benchmarks.rows import Row, peak_mb
from drmbids.maths.signals.connectivity import functional_connectivity
from drmbids.maths.signals.moments import Moments, add_window, begin_moments, correlations

N_REGIONS, WINDOW, SHORT, LONG = 100, 1000, 10_000, 100_000


def window(k: int) -> torch.Tensor:
    """Return window ``k`` of a run of coupled random walks around a baseline."""
    make = torch.Generator().manual_seed(k)
    white = torch.randn(WINDOW, 1, N_REGIONS, dtype=torch.float64, generator=make)
    return 1000 + white + white.roll(1, 2) + white.mean(2, keepdim=True)


def streamed(n_times: int) -> torch.Tensor:
    """Return the connectivity of a run that is never there as a whole."""
    there = torch.ones(WINDOW, 1, N_REGIONS, dtype=torch.bool)
    moments: Moments | None = None
    for k in range(n_times // WINDOW):
        series = window(k)
        moments = begin_moments(series, there) if moments is None else moments
        moments = add_window(moments, series, there)
    assert moments is not None
    return correlations(moments)[0]


def growth(n_times: int) -> None:
    """Print by how many MB streaming makes a process grow."""
    torch.set_num_threads(1)
    streamed(2 * WINDOW)
    before = peak_mb()
    streamed(n_times)
    print(json.dumps(peak_mb() - before))


def streaming() -> list[Row]:
    """Return the largest difference from the connectivity at once, and the growth of memory."""
    torch.set_num_threads(1)
    whole = torch.cat([window(k) for k in range(LONG // WINDOW)])
    error = (streamed(LONG) - functional_connectivity(whole)).abs().max().item()
    grown = {}
    for n in (SHORT, LONG):
        call = [
            sys.executable,
            "-c",
            f"from benchmarks.readouts.streaming import growth; growth({n})",
        ]
        done = subprocess.run(call, check=True, capture_output=True, text=True)
        grown[n] = json.loads(done.stdout.splitlines()[-1])
    size = whole.numel() * whole.element_size() / 2**20
    more = grown[LONG] - grown[SHORT]
    detail = (
        f"{grown[LONG]:.1f} MB, {grown[SHORT]:.1f} MB for {SHORT:,}; the whole run is {size:.0f} MB"
    )
    name = f"{N_REGIONS} regions"
    return [
        Row("rest-streaming", name, f"error, {LONG:,} samples", error, 1e-10, True),
        Row("rest-streaming", name, "MB more for ten times as long", more, size / 10, True, detail),
    ]
