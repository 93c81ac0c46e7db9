"""LeadField: minimum norm where it should be, projections kept, sources recovered."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drmbids import DRM, Additive, DRMConnection, DRMIterator, DRMNet, LeadField, Nuisance, Run
from drmbids.brain.modelfile.load import parse_model
from drmbids.brain.readouts.forward import average_reference, save_lead_field
from drmbids.brain.simulation.simulate import simulate_runs
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError, ModelError
from drmbids.fit.maps.source_maps import SourceTargets, solve_sources
from drmbids.fit.maps.targets import Series
from drmbids.maths.signals.lead_field import projected, whitener

STEP = 0.01
RNG = np.random.default_rng(0)
N_SENSORS, N_SOURCES = 24, 15
# sensors on a line above sources in two rows; the field falls with the square of the distance
SENSORS = np.stack([np.linspace(0, 10, N_SENSORS), np.full(N_SENSORS, 2.0)], 1)
SOURCES = np.stack([np.linspace(0, 10, N_SOURCES), np.tile([0.0, 1.0, 0.5], 5)], 1)
GAIN = 1 / ((SENSORS[:, None] - SOURCES) ** 2).sum(-1)
NOISE = 0.01 * (np.eye(N_SENSORS) + 0.5 * np.ones((N_SENSORS, N_SENSORS)))


def targets_of(values: np.ndarray, readout: LeadField) -> SourceTargets:
    nothing = torch.zeros(len(values), 0, dtype=torch.float64)
    return SourceTargets([Series(torch.tensor(values), nothing)], readout.source_model(0))


def test_units_that_span_time_give_minimum_norm_estimates() -> None:
    """Against the textbook: R G' (G R G' + lambda C)^-1 y, R from the depth of sources."""
    readout = LeadField([5], [N_SENSORS], gain=GAIN, noise_cov=NOISE, depth=0.6).double()
    measured = RNG.standard_normal((5, N_SENSORS))
    targets = targets_of(measured, readout)
    alpha = 0.03
    maps = solve_sources(
        [torch.eye(5, dtype=torch.float64)], targets, torch.tensor([alpha], dtype=torch.float64)
    )
    root = np.linalg.inv(np.linalg.cholesky(NOISE))
    white = root @ GAIN
    prior = np.diag((white**2).sum(0) ** -0.6)
    largest = np.linalg.eigvalsh(white @ prior @ white.T)[-1]
    inverse = np.linalg.inv(GAIN @ prior @ GAIN.T + alpha * largest * NOISE)
    sources = measured @ inverse.T @ GAIN @ prior
    # units of unit size at one sample each: their mean square over the 5 samples is 1 / 5
    np.testing.assert_allclose(maps.weights.numpy(), sources, rtol=1e-4, atol=1e-6)


def test_the_slope_of_the_objective_is_its_gradient() -> None:
    readout = LeadField([3], [N_SENSORS], gain=GAIN, noise_cov=NOISE).double()
    measured = RNG.standard_normal((40, N_SENSORS))
    measured[3, 5] = np.nan
    measured[:, 7] = np.nan
    targets = targets_of(measured, readout)
    x = torch.tensor(RNG.standard_normal((40, 3)))
    alpha = torch.tensor([0.01], dtype=torch.float64)

    def objective(x: torch.Tensor) -> float:
        return float(solve_sources([x], targets, alpha).errors[0].sum())

    slopes = solve_sources([x], targets, alpha).slopes[0]
    for row, column in ((0, 0), (3, 1), (20, 2)):
        step = torch.zeros_like(x)
        step[row, column] = 1e-5
        numeric = (objective(x + step) - objective(x - step)) / 2e-5
        assert float(slopes[row, column]) == pytest.approx(numeric, rel=1e-4, abs=1e-6)


def test_nothing_explained_is_a_loss_of_one_for_each_element() -> None:
    readout = LeadField([1], [N_SENSORS], gain=GAIN, noise_cov=NOISE).double()
    targets = targets_of(RNG.standard_normal((40, N_SENSORS)), readout)
    flat = torch.zeros(40, 1, dtype=torch.float64)
    maps = solve_sources([flat], targets, torch.tensor([0.1], dtype=torch.float64))
    assert float(maps.errors[0].sum()) == pytest.approx(40 * N_SENSORS)


def test_whitened_noise_is_white_and_projections_are_kept() -> None:
    types = ["eeg"] * 10 + ["mag"] * 14
    average = average_reference(types)
    cov = torch.tensor(average @ NOISE @ average.T)
    blocks = [torch.arange(10), torch.arange(10, 24)]
    white = whitener(cov, blocks)
    assert white.shape == (23, 24)
    for rows, block in ((slice(9), blocks[0]), (slice(9, 23), blocks[1])):
        own = white[rows][:, block]
        torch.testing.assert_close(
            own @ cov[block][:, block] @ own.mT, torch.eye(len(own), dtype=torch.float64)
        )
    readout = LeadField([1], [24], gain=GAIN, noise_cov=cov.numpy(), sensor_types=types)
    np.testing.assert_allclose(readout.gain(0).numpy(), average @ GAIN, atol=1e-6)
    # without a covariance EEG is of the average reference all the same
    readout = LeadField([1], [24], gain=GAIN, sensor_types=types)
    np.testing.assert_allclose(readout.gain(0).numpy(), average @ GAIN, atol=1e-6)
    torch.testing.assert_close(
        projected(torch.tensor(GAIN), torch.tensor(NOISE), [torch.arange(24)]), torch.tensor(GAIN)
    )


def net_with(readout: LeadField) -> DRMNet:
    """Return two populations of one unit each, the two columns of the stimulus as they are."""
    net = DRMNet(
        {
            "left": Additive(1, 2, nonlinearity="linear"),
            "right": Additive(1, 2, nonlinearity="linear"),
        },
        [DRMConnection(), DRMConnection()],
        [[None, None], [None, None]],
        readout,
        resolution=STEP,
        stimuli={"events": ["a", "b"]},
    )
    for k, population in enumerate(net.populations):
        with torch.no_grad():
            population.weight.copy_(torch.eye(2)[k : k + 1])
            population.bias.zero_()
        population.requires_grad_(False)
    return net


def templates(n_runs: int = 3) -> list[Run]:
    times = STEP * np.arange(1, 201)
    rng = np.random.default_rng(1)
    return [
        Run(
            {"meg": Stream(np.zeros((200, N_SENSORS)), times)},
            {"events": Stream(rng.standard_normal((200, 2)), times - STEP / 2, ["a", "b"])},
            duration=2.0,
        )
        for _ in range(n_runs)
    ]


def readout_with(**options: object) -> LeadField:
    arguments = {"gain": GAIN, "noise_cov": NOISE, "regions": ["meg"], **options}
    return LeadField([1, 1], [N_SENSORS], nuisance=Nuisance(order=0), **arguments)


def drawn(at: dict[int, int], noise: float = 0.1) -> list[Run]:
    """Return runs of a brain whose two populations drive one source each."""
    net = net_with(readout_with())
    with torch.no_grad():
        for unit, source in at.items():
            net.readout.weights[0][unit, source] = 1.0
    return simulate_runs(net, templates(), noise=noise, autocorrelation=0.0)


def iterate(runs: list[Run]) -> DRMIterator:
    return DRMIterator.from_runs(
        runs, STEP, stimuli={"events": ["a", "b"]}, responses=["meg"], nuisance=Nuisance(order=0)
    )


def fit(runs: list[Run], **options: object) -> DRM:
    drm = DRM(net_with(readout_with(**options)))
    drm.estimate(iterate(runs), n_epochs=0)
    return drm


def test_sources_are_recovered_and_learned_variances_make_them_sharper() -> None:
    runs = drawn({0: 3, 1: 11})
    plain, sharp = (fit(runs, n_reweightings=n).net.readout.source_strength() for n in (0, 20))
    assert plain.argmax(1).tolist() == sharp.argmax(1).tolist() == [3, 11]
    share = [float((s.max(1).values / s.sum(1)).min()) for s in (plain, sharp)]
    assert share[1] > 0.9 > share[0]


def test_a_penalty_is_held_where_it_is_asked_for() -> None:
    drm = fit(runs := drawn({0: 3, 1: 11}))
    (objective,) = drm.trainee(iterate(runs)).objectives
    solver = objective.map_solver()
    rng = np.random.default_rng(0)
    weak, strong = (
        [
            [
                scale * s.raw[k].double()[:, :2]
                + 0.01 * torch.tensor(rng.standard_normal((200, 2)))
                for k in range(3)
            ]
            for s in solver.targets
        ]
        for scale in (0.0, 1.0)
    )
    solver.solve(weak)
    (first,) = objective.hold_penalties(True)
    solver.solve(strong)
    assert torch.equal(objective.hold_penalties(False)[0].alpha, first.alpha)
    solver.solve(strong)
    assert not torch.equal(objective.hold_penalties(False)[0].alpha, first.alpha)


def test_a_sensor_without_measurements_is_predicted_by_the_others() -> None:
    runs = drawn({0: 3, 1: 11})
    hidden = [5, 16]
    seen = [r.responses["meg"].values.copy() for r in runs]
    for values in seen:
        values[:, hidden] = np.nan
    bad = [
        replace(r, responses={"meg": Stream(v, r.responses["meg"].times)})
        for r, v in zip(runs, seen, strict=True)
    ]
    (predicted, *_), _ = fit(bad).forward(iterate(runs))
    truth = runs[0].responses["meg"].values
    for sensor in hidden:
        assert (
            np.corrcoef(predicted[:, sensor], truth[:, sensor])[0, 1] > 0.9
        )  # of which noise leaves about that


def test_nothing_is_found_in_noise() -> None:
    noise = [
        replace(r, responses={"meg": Stream(values, r.responses["meg"].times)})
        for r in templates()
        for values in [RNG.multivariate_normal(np.zeros(N_SENSORS), NOISE, 200)]
    ]
    drm = fit(noise[:2])
    (predicted,), _ = drm.forward(iterate(noise[2:]))
    truth = noise[2].responses["meg"].values
    assert abs(np.corrcoef(predicted.ravel(), truth.ravel())[0, 1]) < 0.1
    assert drm.history[-1]["train_loss"] > 0.98


def test_a_gain_is_trained_by_gradient_only() -> None:
    runs = drawn({0: 3, 1: 11}, noise=0.0)
    net = net_with(readout_with(trainable=True))
    with pytest.raises(ModelError, match="solve=False"):
        DRM(net).estimate(iterate(runs), n_epochs=0)
    losses, _ = DRM(net, solve=False, learning_rate=0.02).estimate(iterate(runs), n_epochs=30)
    assert losses[-1] < 0.5 * losses[0]
    assert float(net.readout.gain_shifts[0].detach().abs().max()) > 0


def test_a_model_file_names_the_file_of_the_gain(tmp_path: Path) -> None:
    path = tmp_path / "lead_field.npz"
    save_lead_field(path, GAIN, NOISE, ["mag"] * N_SENSORS)
    text = f"""
schema_version: 1
resolution_s: 0.01
stimuli: {{events: {{conditions: all}}}}
populations: {{left: {{kind: additive, units: 1}}, right: {{kind: additive, units: 1}}}}
projections: [{{from: events, to: left}}, {{from: events, to: right}}]
readout: {{kind: lead_field, file: {path}, depth: 0.5, regions: {{meg: [left, right]}}}}
"""
    net = parse_model(text).build(templates(1))
    assert isinstance(net.readout, LeadField) and net.readout.depth == 0.5
    np.testing.assert_allclose(net.readout.gain(0).numpy(), GAIN, rtol=1e-6)
    few = Run({"meg": Stream(np.zeros((20, 3)), np.arange(20.0))}, templates(1)[0].stimuli, tr=1.0)
    with pytest.raises(ModelError, match="24 rows for 3 sensors"):
        parse_model(text).build([few])
    with pytest.raises(ModelError, match="give one of them"):
        LeadField([1], [24], file=str(path), gain=GAIN)
    np.savez(path, other=GAIN)
    with pytest.raises(DataError, match="no array 'gain'"):
        LeadField([1], [3], file=str(path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"orientation": "loose"}, "unknown orientation"),
        ({"orientation": "free", "gain": np.ones((24, 4))}, "multiple of 3"),
        ({"noise_cov": np.eye(3)}, "symmetric"),
        ({"noise_cov": np.zeros((24, 24))}, "no noise"),
        ({"sensor_types": ["mag"]}, "1 sensor types"),
        ({"depth": -1.0}, "depth >= 0"),
        ({"gain": np.full((24, 2), np.nan)}, "matrix of numbers"),
    ],
)
def test_faulty_arguments(options: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        readout_with(**options)


def test_every_sensor_missing_is_said() -> None:
    readout = readout_with().double()
    with pytest.raises(DataError, match="no sensor was measured"):
        targets_of(np.full((4, N_SENSORS), np.nan), readout)
    scattered = np.where(np.eye(N_SENSORS) > 0, np.nan, 1.0)
    with pytest.raises(DataError, match="at every sample"):
        targets_of(scattered, readout)


@pytest.mark.slow  # mne takes long to import
@pytest.mark.filterwarnings("ignore")
def test_lead_fields_come_from_mne_forward_solutions() -> None:
    mne = pytest.importorskip("mne")
    montage = mne.channels.make_standard_montage("biosemi16")
    info = mne.create_info(montage.ch_names, 100.0, "eeg").set_montage(montage)
    sphere = mne.make_sphere_model("auto", "auto", info, verbose=False)
    space = mne.setup_volume_source_space(sphere=sphere, pos=40.0, verbose=False)
    forward = mne.make_forward_solution(info, "fsaverage", space, sphere, meg=False, verbose=False)
    cov = mne.Covariance(np.full(16, 4e-14), montage.ch_names, [], [], nfree=100, verbose=False)
    names = montage.ch_names[::-1]
    vector = {"data": np.ones((1, 4)), "col_names": names[:4], "row_names": None}
    blinks = mne.Projection(active=True, data={**vector, "nrow": 1, "ncol": 4}, desc="blinks")
    with_ssp = mne.Covariance(cov.data, cov.ch_names, [], [blinks], nfree=100, verbose=False)
    gain = LeadField.from_forward([2], forward, with_ssp, names).gain(0).numpy()
    assert np.abs(gain[:4].mean(0) - gain[4:].mean(0)).max() < 1e-5 * np.abs(gain).max()
    readout = LeadField.from_forward([2], forward, cov, names, regions=["eeg"])
    raw = forward["sol"]["data"][::-1]
    assert readout.orientation == "free" and set(readout.sensor_types) == {"eeg"}
    np.testing.assert_allclose(readout.gain(0).numpy(), raw - raw.mean(0), rtol=1e-4, atol=1e-3)
    fixed = mne.convert_forward_solution(forward, force_fixed=False, verbose=False)
    assert LeadField.from_forward([2], fixed).n_targets == (16,)
    with pytest.raises(DataError, match="Cz9"):
        LeadField.from_forward([2], forward, cov, ["Cz9"])


def test_a_sensor_that_was_never_measured_has_the_offset_that_the_others_tell() -> None:
    """The mean field of a source that is always active, at a sensor that is bad in training."""
    runs = drawn({0: 3, 1: 8}, noise=0.05)
    steady = 40.0 * GAIN[:, 3]  # the field of one source, all the time
    shown = [
        replace(
            run, responses={"meg": Stream(s.values + steady, s.times)}
        )
        for run in runs
        for s in run.responses.values()
    ]  # fmt: skip
    hidden = [2, 11]
    bad = []
    for run in shown:
        values = run.responses["meg"].values.copy()
        values[:, hidden] = np.nan
        bad.append(replace(run, responses={"meg": Stream(values, run.responses["meg"].times)}))
    (predicted, *_), _ = fit(bad).forward(iterate(shown))
    measured = shown[0].responses["meg"].values
    for sensor in hidden:
        rest = measured[:, sensor] - predicted[:, sensor]
        # a fifth of the offset at most, where it was all of it
        assert abs(rest.mean()) < 0.2 * abs(measured[:, sensor].mean())
