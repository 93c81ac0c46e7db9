"""Voxels have responses of their own, drawn to that of their region where data are weak."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drmbids import BOLD, DRM, Additive, DoubleGamma, DRMConnection, DRMIterator, DRMNet, Run
from drmbids.brain.readouts.base import DRMReadout
from drmbids.brain.readouts.fir import FIR
from drmbids.brain.readouts.hemodynamics import SmoothHRF
from drmbids.brain.readouts.library import LibraryHRF
from drmbids.brain.simulation.design import random_events
from drmbids.brain.simulation.simulate import simulate_runs
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.stream import Stream

RESOLUTION, TR, DURATION, N_VOXELS = 0.5, 1.5, 300.0, 40
#: Seconds by which voxels come later than their region (standard deviation).
SPREAD = 0.4
LAG = torch.arange(0.0, 12.0, 0.01)


def net_with(readout: DRMReadout) -> DRMNet:
    """Return an area whose two units are the two conditions as they are."""
    net = DRMNet(
        {"V1": Additive(2, 2, nonlinearity="linear")},
        [DRMConnection()],
        [[None]],
        readout,
        resolution=RESOLUTION,
        stimuli={"events": ("a", "b")},
    )
    with torch.no_grad():
        net.populations[0].weight.copy_(torch.eye(2))
        net.populations[0].bias.zero_()
    net.populations.requires_grad_(False)
    return net


def draw(snr: float, delay: float = 6.0) -> tuple[list[Run], torch.Tensor]:
    """Return runs of one region whose voxels peak at times of their own, and these times."""
    hrf = DoubleGamma(n_regions=N_VOXELS, trainable=False)
    make = torch.Generator().manual_seed(1)
    later = SPREAD * torch.randn(N_VOXELS, generator=make)
    hrf.set_value("delay", delay + later)
    voxels = BOLD([2], [1] * N_VOXELS, sources=[[0]] * N_VOXELS, hrf=hrf)
    with torch.no_grad():
        for weights in voxels.weights:
            weights.copy_(0.5 + torch.rand(2, 1, generator=make))
    rng = np.random.default_rng(2)
    shown = [random_events(("a", "b"), DURATION, rng) for _ in range(4)]
    templates = [Run({}, {"events": events}, duration=DURATION, tr=TR) for events in shown]
    drawn = simulate_runs(net_with(voxels), templates, snr=snr, random_state=3)
    runs = []
    for run in drawn:
        values = np.concatenate([stream.values for stream in run.responses.values()], 1)
        times = next(iter(run.responses.values())).times
        runs.append(replace(run, responses={"V1": Stream(values, times)}))
    return runs, peaks(hrf(LAG)[:, 0])


def peaks(curves: torch.Tensor) -> torch.Tensor:
    return LAG[curves.argmax(-1)]


def fitted_peaks(
    runs: list[Run], derivatives: str = "time_and_dispersion", n_epochs: int = 0
) -> torch.Tensor:
    """Return when each voxel responds most, by a response, trained or not, and its derivatives."""
    hrf = DoubleGamma(trainable=n_epochs > 0, derivatives=derivatives)
    readout = BOLD([2], [N_VOXELS], regions=["V1"], hrf=hrf)
    data = DRMIterator.from_runs(runs, RESOLUTION, nuisance=Nuisance(order=1))
    DRM(net_with(readout), learning_rate=0.1).estimate(data, n_epochs=n_epochs)
    # of both conditions
    weights = readout.weights[0].detach().unflatten(0, (hrf.features_per_unit, 2)).sum(1)
    return peaks(weights.mT @ hrf(LAG)[0].detach())


@pytest.mark.parametrize(
    ("hrf", "bands"),
    [
        (DoubleGamma(), [0]),
        (DoubleGamma(derivatives="time"), [0, 1]),
        (DoubleGamma(derivatives="time_and_dispersion"), [0, 1, 1]),
        (LibraryHRF(), [0]),
        (LibraryHRF(n_components=4), [0, 1, 1, 1]),
        (SmoothHRF(), [0]),
        (FIR(n_delays=3), [0, 0, 0]),
    ],
)
def test_deviations_of_voxels_are_a_band_of_their_own(hrf, bands: list[int]) -> None:
    readout = BOLD([2, 1], [5], hrf=hrf)
    assert readout.bands(0).tolist() == [band for band in bands for _ in range(3)]


def test_peaks_of_voxels_are_found_at_a_signal_to_noise_ratio_of_one() -> None:
    runs, true = draw(snr=1.0)
    error = (fitted_peaks(runs) - true).abs()
    assert float(error.median()) < 0.2
    assert float(torch.corrcoef(torch.stack([fitted_peaks(runs), true]))[0, 1]) > 0.8


def test_the_response_of_the_region_is_found_beside_those_of_its_voxels() -> None:
    runs, true = draw(snr=1.0, delay=7.2)
    error, fixed = ((fitted_peaks(runs, "time", n) - true).abs().median() for n in (20, 0))
    assert float(error) < 0.2 < float(fixed)


def test_weak_data_leave_voxels_near_the_peak_of_their_region(monkeypatch) -> None:
    runs, true = draw(snr=0.2)
    drawn = fitted_peaks(runs)
    monkeypatch.setattr(BOLD, "bands", DRMReadout.bands)  # one penalty for all
    alike = fitted_peaks(runs)
    away, away_alike, away_true = (float((p - 5.0).abs().median()) for p in (drawn, alike, true))
    assert away < away_true < away_alike
    error, error_alike = (float((p - true).abs().median()) for p in (drawn, alike))
    assert error < 0.7 * error_alike
