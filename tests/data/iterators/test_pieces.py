"""A long series in pieces side by side: the error of the cuts, and the burn-in against it."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.tools.exceptions import DataError, UsageError

RESOLUTION, TR, N_MEASURED = 0.5, 2.0, 60
MAKE = np.random.default_rng(0)
STARTS = RESOLUTION * np.arange(240)
STIMULUS = MAKE.standard_normal((240, 2))
TIMES = TR * np.arange(N_MEASURED)
RESPONSE = MAKE.standard_normal((N_MEASURED, 1))
LENGTH = 8.0  # s, of the hemodynamic response
DELAYS = 1.5  # s, from the stimulus to the second population


def iterator(n_pieces: int, burn_in: float, **changes: Any) -> DRMIterator:
    options: dict[str, Any] = {
        "stimulus": STIMULUS, "stim_time": STARTS, "response": RESPONSE, "resp_time": TIMES,
    }  # fmt: skip
    return DRMIterator(RESOLUTION, **{**options, **changes}, batch_size=n_pieces, burn_in=burn_in)


def net_of(population: type[DRMPopulation], **options: Any) -> DRMNet:
    torch.manual_seed(0)
    net = DRMNet(
        [population(3, 2, **options), Additive(2, 3)],
        [DRMConnection(0.5), None],
        [[None, None], [DRMConnection(1.0), None]],
        BOLD([3, 2], [1], sources=[[1]], hrf=DoubleGamma(length=LENGTH)),
        resolution=RESOLUTION,
    )  # fmt: skip
    with torch.no_grad():
        net.readout.weights[0].fill_(1.0)
    return net.double()


@pytest.fixture(autouse=True)
def float64() -> Any:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@torch.no_grad()
def error_of_the_cuts(net: DRMNet, n_pieces: int, burn_in: float) -> float:
    """Return the largest difference from the uncut series where the pieces are measured."""
    (item,) = list(iterator(1, 0.0))
    whole = net(item)[:, 0]
    worst, seen = 0.0, torch.zeros(N_MEASURED, dtype=torch.long)
    for item in iterator(n_pieces, burn_in):
        predicted = net(item)
        for k, _ in enumerate(item["runs"]):
            there = ~item["response"][:, k].isnan().any(1)
            # which measurement a row is, by its value
            rows = [
                int(np.argmin(np.abs(RESPONSE[:, 0] - y)))
                for y in item["response"][there, k, 0].tolist()
            ]
            seen[rows] += 1
            worst = max(worst, float((predicted[there, k] - whole[rows]).abs().max()))
    assert (seen == 1).all()  # every measurement belongs to one piece
    return worst


@pytest.mark.parametrize("n_pieces", [2, 3, 5])
def test_burn_in_over_all_memory_makes_cuts_exact(n_pieces: int) -> None:
    net = net_of(Additive)
    assert error_of_the_cuts(net, n_pieces, 0.0) > 1e-2
    assert error_of_the_cuts(net, n_pieces, LENGTH / 2) > 1e-4
    assert error_of_the_cuts(net, n_pieces, LENGTH + DELAYS) < 1e-12


def test_the_error_of_cuts_falls_with_the_burn_in() -> None:
    """Beyond the hemodynamic response, the error falls with what leaky units forget."""
    net = net_of(Leaky, tau=1.0)
    errors = [error_of_the_cuts(net, 4, burn_in) for burn_in in (0.0, 8.0, 12.0, 16.0, 20.0)]
    assert errors[1] < errors[0]
    falls = [later / sooner for sooner, later in pairwise(errors[1:])]
    # 4 s are four time constants; the stimulus that is forgotten differs a little
    np.testing.assert_allclose(falls, np.exp(-4.0), rtol=0.5)


@pytest.mark.parametrize(("n_pieces", "burn_in"), [(3, 0.0), (4, 7.3), (7, 1.0), (1, 5.0)])
def test_pieces_start_at_measurements_and_run_side_by_side(n_pieces: int, burn_in: float) -> None:
    (item,) = list(iterator(n_pieces, burn_in))
    n_burn = int(np.ceil(burn_in / RESOLUTION))
    n_new = item["stimulus"][0].shape[0] - n_burn
    assert item["runs"] == tuple(range(n_pieces)) and item["times"][0] == 0
    assert n_pieces == 1 or n_new % 4 == 0
    for k in range(n_pieces):
        start, stop = k * n_new, min(k * n_new + n_new + n_burn, 240)
        np.testing.assert_array_equal(item["stimulus"][0][: stop - start, k], STIMULUS[start:stop])
        assert not item["stimulus"][0][stop - start :, k].any()
        burnt = item["times"] < n_burn * RESOLUTION if k else torch.zeros(len(item["times"])) > 0
        there = item["times"] + start * RESOLUTION < 120
        assert torch.equal(item["response"][:, k, 0].isnan(), burnt | ~there)


def test_a_series_in_one_piece_has_the_measurements_it_has() -> None:
    (item,) = list(iterator(1, 3.0, response=RESPONSE[:10], resp_time=TIMES[:10]))
    assert item["stimulus"][0].shape[0] == 240 and item["times"].tolist() == TIMES[:10].tolist()
    assert not item["response"].isnan().any()


def test_confounds_stay_at_their_measurements() -> None:
    confounds = MAKE.standard_normal((N_MEASURED, 2))
    (item,) = list(iterator(7, 4.0, confounds=confounds))
    n_new = item["stimulus"][0].shape[0] - 8
    for k in range(6):
        first = k * n_new // 4
        own = confounds[first : first + len(item["times"])]
        np.testing.assert_allclose(item["confounds"][:, k], own - own.mean(0), atol=1e-12)
    assert item["confounds"].isfinite().all()


def test_pieces_of_irregular_measurements() -> None:
    times = np.sort(MAKE.uniform(0, 119, N_MEASURED))
    items = list(iterator(3, 10.0, resp_time=times))
    assert len(items) == 3
    there = torch.cat([i["response"].flatten() for i in items])
    assert int((~there.isnan()).sum()) == N_MEASURED


@pytest.mark.parametrize(
    ("n_pieces", "burn_in"), [(0, 0.0), (-1, 0.0), (2, -1.0), (2, 120.0), (2, 500.0)]
)
def test_pieces_that_cannot_be(n_pieces: int, burn_in: float) -> None:
    with pytest.raises(UsageError, match="need batch_size >= 1 and a burn_in of 0 s or more"):
        iterator(n_pieces, burn_in)


@pytest.mark.parametrize("n_pieces", [1, 4])
def test_a_gap_in_the_stimulus_is_refused_at_its_own_time(n_pieces: int) -> None:
    holes = STIMULUS.copy()
    holes[200, 1] = np.nan
    with pytest.raises(DataError, match="stimulus: column '1' at 100 s is nan"):
        iterator(n_pieces, 0.0, stimulus=holes)
