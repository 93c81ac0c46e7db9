"""Known hemodynamics come back from simulated data, and none from noise."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from drmbids import BOLD, DRM, Additive, DoubleGamma, DRMConnection, DRMIterator, DRMNet, Run
from drmbids.brain.readouts import balloon
from drmbids.brain.readouts.balloon import Balloon
from drmbids.brain.readouts.base import DRMReadout
from drmbids.brain.readouts.fir import FIR
from drmbids.brain.readouts.gru import GRUReadout
from drmbids.brain.readouts.hemodynamics import HRF, SmoothHRF
from drmbids.brain.readouts.library import LibraryHRF
from drmbids.brain.simulation.design import draw_gains, random_events
from drmbids.brain.simulation.simulate import simulate_runs
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.stream import Stream

RESOLUTION, TR, N_VOXELS = 0.5, 1.5, 30
CONDITIONS = ("a", "b")
LAG = torch.arange(0.0, 32.0, 0.02)
#: Two regions, and the peaks in seconds of their responses; SPM's, where fits start, is at 5.
PEAKS = {"early": 3.8, "late": 5.4}

#: Ways to estimate a response, each with epochs of training; none where maps are all there is.
HRFS: dict[str, tuple[Callable[[], HRF], int]] = {
    "double_gamma": (lambda: DoubleGamma(n_regions=2), 60),
    "time": (lambda: DoubleGamma(trainable=False, derivatives="time"), 0),
    "time_and_dispersion": (
        lambda: DoubleGamma(trainable=False, derivatives="time_and_dispersion"),
        0,
    ),
    "smooth": (lambda: SmoothHRF(n_regions=2), 200),
    "library": (lambda: LibraryHRF(n_regions=2), 200),
    "library_components": (lambda: LibraryHRF(n_components=5), 0),
    "fir": (lambda: FIR(n_delays=31), 0),
    "smooth_fir": (lambda: FIR(n_delays=31, smoothness=1.5), 0),
}


def net_with(readout: DRMReadout) -> DRMNet:
    """Return two areas whose two units are the two conditions as they are."""
    net = DRMNet(
        {name: Additive(2, 2, nonlinearity="linear") for name in PEAKS},
        [DRMConnection(), DRMConnection()],
        [[None, None], [None, None]],
        readout,
        resolution=RESOLUTION,
        stimuli={"events": CONDITIONS},
    )
    for population in net.populations:
        with torch.no_grad():
            population.weight.copy_(torch.eye(2))
            population.bias.zero_()
        population.requires_grad_(False)
    return net


def sizes() -> tuple[list[int], list[int], None, list[str]]:
    return [2, 2], [N_VOXELS, N_VOXELS], None, list(PEAKS)


def templates(seed: int = 0) -> list[Run]:
    rng = np.random.default_rng(seed)
    return [
        Run({}, {"events": random_events(CONDITIONS, 240.0, rng)}, duration=240.0, tr=TR)
        for _ in range(4)
    ]


def draw(readout: DRMReadout, snr: float = 1.0, seed: int = 2) -> list[Run]:
    net = net_with(readout)
    draw_gains(net, np.random.default_rng(1))
    return simulate_runs(net, templates(seed), snr=snr, random_state=seed)


def truth() -> BOLD:
    readout = BOLD(*sizes(), per_region=True)
    readout.hrf.set_value("dispersion", 0.9)
    readout.hrf.set_value("delay", torch.tensor(list(PEAKS.values())) + 0.9)
    return readout


def iterate(runs: Sequence[Run]) -> DRMIterator:
    return DRMIterator.from_runs(runs, RESOLUTION, nuisance=Nuisance(order=1))


def fit(readout: DRMReadout, runs: Sequence[Run], n_epochs: int, rate: float = 0.05) -> DRM:
    model = DRM(net_with(readout), learning_rate=rate)
    model.estimate(iterate(runs), n_epochs=n_epochs)
    return model


def correlation(model: DRM, runs: Sequence[Run]) -> float:
    """Return the correlation of prediction and measurement over all runs, times and voxels."""
    predicted, _ = model.forward(iterate(runs))
    pairs = [
        (p - p.mean(0), m - m.mean(0))
        for p, r in zip(predicted, runs, strict=True)
        for m in [np.concatenate([r.responses[name].values for name in PEAKS], 1)]
    ]
    x, y = (np.concatenate(side).ravel() for side in zip(*pairs, strict=True))
    return float(x @ y / max(np.linalg.norm(x) * np.linalg.norm(y), 1e-12))


def peaks(readout: BOLD) -> list[float]:
    return [float(LAG[k]) for k in readout.responses(LAG).argmax(1)]


def noise() -> list[Run]:
    make = np.random.default_rng(5)
    times = TR * np.arange(160)
    return [
        replace(
            run, responses={k: Stream(make.standard_normal((160, N_VOXELS)), times) for k in PEAKS}
        )
        for run in templates()
    ]


@pytest.fixture(scope="module")
def drawn() -> list[Run]:
    return draw(truth())


def test_the_truth_is_what_it_says() -> None:
    assert peaks(truth()) == pytest.approx(list(PEAKS.values()), abs=0.03)


@pytest.mark.parametrize("name", [n for n in HRFS if not n.endswith("fir")])
def test_peaks_are_recovered_at_a_signal_to_noise_ratio_of_one(name: str, drawn: list[Run]) -> None:
    build, n_epochs = HRFS[name]
    readout = BOLD(*sizes(), hrf=build())
    fit(readout, drawn, n_epochs)
    assert peaks(readout) == pytest.approx(list(PEAKS.values()), abs=0.2)


def test_peaks_of_a_smooth_impulse_response_come_near(drawn: list[Run]) -> None:
    readout = BOLD(*sizes(), hrf=HRFS["smooth_fir"][0]())
    fit(readout, drawn, 0)
    # nothing but its smoothness is known of it: .2 s late on the average of several draws
    assert peaks(readout) == pytest.approx(list(PEAKS.values()), abs=0.4)


@pytest.mark.parametrize("name", HRFS)
def test_shapes_are_recovered_at_a_signal_to_noise_ratio_of_one(
    name: str, drawn: list[Run]
) -> None:
    build, n_epochs = HRFS[name]
    readout, lag = BOLD(*sizes(), hrf=build()), torch.arange(0.0, 32.0, 1.0)
    fit(readout, drawn, min(n_epochs, 60))
    for got, wanted, other in zip(
        readout.responses(lag), truth().responses(lag), truth().responses(lag).flip(0), strict=True
    ):
        r, r_other = (float(torch.corrcoef(torch.stack([got, x]))[0, 1]) for x in (wanted, other))
        assert r > 0.9 and r > r_other  # and not the response of the other region


@pytest.mark.parametrize("name", HRFS)
def test_nothing_is_found_in_noise(name: str) -> None:
    build, n_epochs = HRFS[name]
    runs = noise()
    model = fit(BOLD(*sizes(), hrf=build()), runs[:3], min(n_epochs, 20))
    assert abs(correlation(model, runs[3:])) < 0.05


def test_each_voxel_has_its_own_delay_drawn_to_that_of_its_region() -> None:
    def build() -> BOLD:
        hrf = DoubleGamma("glover", trainable=False, derivatives="time")
        return BOLD(*sizes(), hrf=hrf)

    net = net_with(build())
    make = torch.Generator().manual_seed(3)
    earlier = 0.5 * torch.randn(2, N_VOXELS, generator=make)  # seconds
    with torch.no_grad():
        for weights, shift in zip(net.readout.weights, earlier, strict=True):
            gains = 0.5 + torch.rand(2, N_VOXELS, generator=make)
            weights.copy_(torch.cat([gains, gains * shift]))
    found = build()
    fit(found, simulate_runs(net, templates(), snr=1.0, random_state=3), 0)
    response, slope = (
        torch.stack([w.detach()[rows] for w in found.weights]) for rows in (slice(2), slice(2, 4))
    )
    estimate = (response * slope).sum(1) / response.square().sum(1)
    assert torch.corrcoef(torch.stack([estimate.flatten(), earlier.flatten()]))[0, 1] > 0.9
    assert estimate.std() < 1.1 * earlier.std()


def pulse_peaks(readout: DRMReadout) -> list[float]:
    """Return when the first unit of each region responds most to activity of 1 for a second."""
    fine = copy.deepcopy(readout)
    fine.set_resolution(0.05)
    times = torch.arange(0.0, 15.0, 0.05, dtype=torch.float64)
    activity = torch.zeros(fine.memory + 300, 1, 2)
    activity[fine.memory : fine.memory + 20] = 1.0
    with torch.no_grad():
        return [float(times[x[:, 0, 0].argmax()]) for x in fine.features([activity] * 2, times)]


@pytest.mark.slow
def test_the_balloon_is_recovered_and_predicts_what_no_convolution_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # the truth, too, moves in steps of a whole tick: what is asked is not how exact they are
    monkeypatch.setattr(balloon, "LONGEST_STEP", RESOLUTION)
    true = Balloon(*sizes(), per_region=True)
    true.set_value("transit", torch.tensor([0.8, 3.0]))
    true.set_value("efficacy", 0.6)
    drawn = draw(true)
    found = Balloon(*sizes(), per_region=True)
    model = fit(found, drawn[:3], 40, rate=0.2)
    assert pulse_peaks(found) == pytest.approx(pulse_peaks(true), abs=0.2)
    linear = fit(BOLD(*sizes(), per_region=True), drawn[:3], 60)
    assert correlation(model, drawn[3:]) > correlation(linear, drawn[3:])


@pytest.mark.slow
def test_recurrent_units_come_near_to_the_truth_and_find_nothing_in_noise(drawn: list[Run]) -> None:
    torch.manual_seed(0)
    model = fit(GRUReadout(*sizes(), features_per_unit=4), drawn[:3], 60)
    best = correlation(fit(truth(), drawn[:3], 0), drawn[3:])
    assert correlation(model, drawn[3:]) > 0.9 * best
    runs = noise()
    nothing = fit(GRUReadout(*sizes(), features_per_unit=4), runs[:3], 20)
    assert abs(correlation(nothing, runs[3:])) < 0.05
