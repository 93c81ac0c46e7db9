"""The mean of other runs: by hand, over repeats, and where nothing is shared."""

from dataclasses import replace

import numpy as np
import pytest

from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.baselines.mean import MeanBaseline

TIMES = 2.0 * np.arange(40)


def make_run(k: int, kind: str = "a", times: np.ndarray = TIMES) -> Run:
    """Return a run whose response is that of its kind and noise, on a drift."""
    noise = 0.3 * np.random.default_rng(k).normal(size=(len(times), 2))
    shape = np.sin(times / (3.0 if kind == "a" else 7.0))
    values = shape[:, None] * [1.0, 2.0] + noise + 0.1 * k * times[:, None] + 100.0
    events = Events([10.0, 40.0], [8.0, 8.0], [kind, kind])
    return Run({"V1": Stream(values, times)}, {"events": events}, tr=2.0, entities={"run": str(k)})


def remainder(run: Run) -> np.ndarray:
    return project_out(Nuisance().basis(run, run.measured_times()), run.responses["V1"].values)


def test_it_is_the_mean_of_what_nuisance_leaves():
    runs = [make_run(k) for k in range(4)]
    found = MeanBaseline().fit(runs[:3]).predict(runs[3:])[0]
    np.testing.assert_allclose(found, np.mean([remainder(run) for run in runs[:3]], axis=0))
    assert MeanBaseline().fit(runs[:3]).score(runs[3:]) > 0.8


def test_missing_samples_are_left_out_of_the_mean():
    runs = [make_run(k) for k in range(3)]
    values = np.array(runs[1].responses["V1"].values)
    values[5:9, 0] = np.nan
    gappy = replace(runs[1], responses={"V1": Stream(values, TIMES)})
    found = MeanBaseline().fit([runs[0], gappy]).predict(runs[2:])[0]
    np.testing.assert_allclose(found[5:9, 0], remainder(runs[0])[5:9, 0])
    np.testing.assert_allclose(found[:, 1], (remainder(runs[0]) + remainder(gappy))[:, 1] / 2)


def test_repeats_are_runs_with_the_same_stimuli():
    runs = [make_run(k, kind) for k, kind in enumerate("aabb")]
    held_out = [make_run(9, "a"), make_run(10, "b"), make_run(11, "c")]
    model = MeanBaseline(over="repeats").fit(runs)
    a, b, unknown = model.predict(held_out)
    np.testing.assert_allclose(a, (remainder(runs[0]) + remainder(runs[1])) / 2)
    np.testing.assert_allclose(b, (remainder(runs[2]) + remainder(runs[3])) / 2)
    assert not unknown.any()
    assert model.score(held_out[:2]) > MeanBaseline().fit(runs).score(held_out[:2]) + 0.2


def test_repeats_of_sampled_stimuli():
    shown = [Stream(np.full((5, 1), k), np.arange(5.0)) for k in (1.0, 1.0, 2.0)]
    runs = [replace(make_run(k), stimuli={"s": s}) for k, s in enumerate(shown)]
    model = MeanBaseline(over="repeats").fit(runs[1:])
    np.testing.assert_allclose(model.predict(runs[:1])[0], remainder(runs[1]))
    events = replace(runs[0], stimuli=make_run(0).stimuli)
    assert not model.predict([events])[0].any()


def test_times_that_no_run_measured_are_zero():
    runs = [make_run(0), make_run(1, times=2.0 * np.arange(60))]
    found = MeanBaseline().fit(runs[:1]).predict(runs[1:])[0]
    assert found[:40].all() and not found[40:].any()
    shifted = make_run(2, times=TIMES + 0.5)
    assert not MeanBaseline().fit(runs[:1]).predict([shifted])[0].any()


def test_noise_predicts_nothing():
    rng = np.random.default_rng(0)
    runs = [
        replace(make_run(k), responses={"V1": Stream(rng.normal(size=(40, 200)), TIMES)})
        for k in range(11)
    ]
    # by chance alone: minus the variance of a mean of 10
    assert MeanBaseline().fit(runs[:10]).score(runs[10:]) == pytest.approx(-0.1, abs=0.02)


def test_an_unknown_choice_is_refused():
    with pytest.raises(UsageError, match="over must be all or repeats, got 'some'"):
        MeanBaseline(over="some").fit([make_run(0)])
