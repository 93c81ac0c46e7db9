"""Small nets and runs with what real data bring: lengths, missing elements, confounds."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream

RESOLUTION = 0.5


@pytest.fixture(autouse=True)
def float64(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let tests of maps and training compute in double precision."""
    if request.path.parent.name in ("maps", "training"):
        torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make_runs(
    n_volumes: tuple[int, ...] = (24, 24, 24),
    missing: str = "",
    n_confounds: int = 0,
    seed: int = 0,
    regions: tuple[str, ...] = ("A", "B"),
) -> list[Run]:
    """Return runs of TR 1.5 s whose responses are noise and a slow function of the stimulus."""
    make, runs = np.random.default_rng(seed), []
    for length in n_volumes:
        times = 1.5 * np.arange(length)
        duration = 1.5 * length
        fine = RESOLUTION * (np.arange(round(duration / RESOLUTION)) + 0.5)
        shown = make.random((len(fine), 2)) < 0.2
        slow = np.stack([np.convolve(s, np.ones(12) / 12)[: len(fine)] for s in shown.T], 1)
        at = slow[np.searchsorted(fine, times)]
        responses = {}
        for k, name in enumerate(regions):
            values = at @ make.standard_normal((2, 3 + k)) + 0.5 * make.standard_normal(
                (length, 3 + k)
            )
            if missing in ("volumes", "both"):
                values[[4, 5]] = np.nan
            if missing in ("elements", "both"):
                values[make.random(values.shape) < 0.08] = np.nan
                values[:, 0] = np.nan if k else values[:, 0]  # a voxel never measured
            responses[name] = Stream(values + 3.0, times)
        confounds = Stream(make.standard_normal((length, n_confounds)), times)
        runs.append(
            Run(
                responses,
                {"s": Stream(shown.astype(float), fine)},
                confounds=confounds if n_confounds else None,
                duration=duration,
                tr=1.5,
            )
        )
    return runs


def make_net(
    n_confounds: int = 0,
    seed: int = 0,
    length: float = 9.0,
    sources: list[list[int]] | None = None,
) -> DRMNet:
    """Return a net of two populations in a loop, smooth in all its parameters."""
    torch.manual_seed(seed)
    return DRMNet(
        {"A": Leaky(3, 2 + 2, tau=[0.8, 2.0, 5.0], nonlinearity="tanh"),
         "B": Additive(2, 3, nonlinearity="tanh")},
        ws=[DRMConnection(0.5), None],
        Wp=[[None, DRMConnection(1.0)], [DRMConnection(0.5), None]],
        readout=BOLD([3, 2], [3, 4], sources, regions=["A", "B"], n_confounds=n_confounds,
                     hrf=DoubleGamma(length=length)),
        resolution=RESOLUTION,
    )  # fmt: skip


@pytest.fixture
def runs_of() -> Callable[..., list[Run]]:
    return make_runs


@pytest.fixture
def net_of() -> Callable[..., DRMNet]:
    return make_net
