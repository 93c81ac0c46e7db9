"""Drawn runs are the prediction of the net plus what was asked for, and nothing else."""

import numpy as np
import pytest

from drmbids import DRM, DRMIterator, DRMNet, Run, simulate_runs
from drmbids.brain.simulation.noise import autoregression
from drmbids.brain.simulation.simulate import predict
from drmbids.data.runs.nuisance import Nuisance, confounds_at, project_out
from drmbids.data.tools.exceptions import UsageError


def series(run: Run) -> np.ndarray:
    """Return all targets of a run side by side."""
    return np.concatenate([s.values for s in run.responses.values()], axis=1)


def test_without_noise_the_runs_are_the_prediction(net: DRMNet, templates: list[Run]) -> None:
    drawn = simulate_runs(net, templates, noise=0.0)
    data = DRMIterator.from_runs(drawn, 0.5, net.stimuli, ("V1", "V2"))
    predicted, _ = DRM(net).forward(data)
    for run, expected in zip(drawn, predicted, strict=True):
        assert list(run.responses) == ["V1", "V2"]
        np.testing.assert_allclose(series(run), expected, rtol=1e-5, atol=1e-6)
    assert series(drawn[0]).std(0)[0] > 0.05, "the fixture has to respond"


def test_the_same_seed_gives_the_same_runs(net: DRMNet, templates: list[Run]) -> None:
    first, again, other = (
        [series(r) for r in simulate_runs(net, templates, drift=1.0, random_state=seed)]
        for seed in (4, 4, 5)
    )
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.allclose(a, c)


def test_template_is_kept_but_for_responses(net: DRMNet, templates: list[Run]) -> None:
    drawn = simulate_runs(net, templates)
    for run, template in zip(drawn, templates, strict=True):
        assert dict(run.entities) == dict(template.entities)
        assert run.confounds is template.confounds
        assert (run.tr, run.duration) == (template.tr, template.duration)
        np.testing.assert_array_equal(run.measured_times(), template.measured_times())
    # drawn runs serve as templates again
    assert [len(series(r)) for r in simulate_runs(net, drawn)] == [100, 80]


def test_signal_to_noise_ratio_is_as_stated(net: DRMNet, templates: list[Run]) -> None:
    signal = predict(net, templates)
    noise = [
        series(run) - s
        for seed in range(15)
        for run, s in zip(
            simulate_runs(net, templates, snr=2.0, random_state=seed), signal, strict=True
        )
    ]
    signal_size = np.sqrt(np.mean([s.var(0).mean() for s in signal]))
    noise_size = np.sqrt(np.mean(np.concatenate(noise) ** 2))
    assert signal_size / noise_size == pytest.approx(2.0, rel=0.05)


def test_noise_has_the_stated_autocorrelation() -> None:
    noise = autoregression(np.random.default_rng(0), (4000, 20), 0.6)
    lagged = np.mean(noise[1:] * noise[:-1]) / np.mean(noise**2)
    assert lagged == pytest.approx(0.6, abs=0.01)
    assert noise.std() == pytest.approx(1.0, abs=0.02)
    assert noise[0].std() == pytest.approx(1.0, abs=0.35), "the first sample is like the others"


def test_noise_of_each_target(net: DRMNet, templates: list[Run]) -> None:
    drawn = simulate_runs(net, templates, noise=[0.0, 1.0, 2.0, 4.0])
    rest = series(drawn[0]) - predict(net, templates)[0]
    np.testing.assert_allclose(rest.std(0), [0, 1, 2, 4], rtol=0.3, atol=1e-12)


def test_baseline_drift_and_confounds_are_what_the_nuisance_takes_out(
    net: DRMNet, templates: list[Run]
) -> None:
    weights = np.random.default_rng(1).normal(size=(2, 4))
    [run] = simulate_runs(
        net, templates[:1], noise=0.0, baseline=100.0, drift=2.0, confound_weights=weights
    )
    times = run.measured_times()
    added = series(run) - predict(net, templates[:1])[0]
    motion = confounds_at(run, times) @ weights
    drifts = Nuisance(confounds=False).basis(run, times)
    np.testing.assert_allclose(project_out(drifts, added - motion), 0.0, atol=1e-9)
    basis = Nuisance().basis(run, times)
    np.testing.assert_allclose(project_out(basis, added), 0.0, atol=1e-9)
    assert added.mean() == pytest.approx(100.0, abs=3.0)
    assert (added - motion).std(0).min() > 0.1, "each target drifts"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": 1.0, "snr": 1.0}, "not both"),
        ({"noise": -1.0}, "noise is a standard deviation"),
        ({"noise": [1.0, 2.0]}, "give one number or 4"),
        ({"snr": 0.0}, "snr > 0"),
        ({"autocorrelation": 1.0}, "autocorrelation must be"),
        ({"confound_weights": np.zeros((3, 4))}, "2 confounds and 4 targets"),
    ],
)
def test_wrong_arguments_are_named(
    net: DRMNet, templates: list[Run], options: dict, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        simulate_runs(net, templates[:1], **options)
