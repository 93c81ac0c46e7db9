"""The default model: its predictions are averaged with those of a linear model as data choose."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nilearn.glm.first_level import make_first_level_design_matrix
from pandas import DataFrame

from drmbids import DRMNet, DRMRegressor, Events, GLMBaseline, Run, Stream, default_model
from drmbids.compare.crossvalidation.units import Units, fit_all_runs
from drmbids.data.tools.exceptions import TrainingWarning, UsageError
from drmbids.fit.estimators.stacking import Stack, linear_model
from drmbids.fit.training.together import Trained

pytestmark = pytest.mark.whole_fit

N, TR = 90, 2.0


def study(seed: int, noise: float, fading: float = 0.0, n_runs: int = 3) -> list[Run]:
    """Runs of events whose responses follow a GLM, but for what fades of a second of two events."""
    rng, runs = np.random.default_rng(seed), []
    effects = rng.standard_normal((2, 6))
    for k in range(n_runs):
        onsets = np.sort(rng.uniform(0, N * TR - 10, 24))
        kinds = rng.permutation(np.resize(["a", "b"], 24))
        table = DataFrame({"onset": onsets, "duration": 2.0, "trial_type": kinds})
        apart = np.diff(onsets, prepend=-100.0)
        table["modulation"] = 1 - fading * np.exp(-apart / 6.0)
        design = make_first_level_design_matrix(
            TR * np.arange(N), table, hrf_model="spm", drift_model=None
        )
        signal = design[["a", "b"]].to_numpy() @ effects
        values = signal / signal.std(0) + noise * rng.standard_normal(signal.shape)
        events = Events(onsets, np.full(24, 2.0), kinds.tolist())
        series = {"V1": Stream(values, TR * np.arange(N))}
        runs.append(Run(series, {"events": events}, tr=TR, entities={"run": str(k)}))
    return runs


def test_nothing_is_lost_where_a_glm_is_the_truth() -> None:
    gains = []
    for seed in range(3):
        *train, test = study(seed, noise=3.0)
        fitted = DRMRegressor(n_epochs=8).fit(train)
        gains.append(fitted.score([test]) - GLMBaseline("spm").fit(train).score([test]))
        assert fitted.stack_ is not None
        assert fitted.stack_.share.mean() < 0.5
    assert min(gains) > -0.01


def test_dynamics_that_the_data_show_have_a_share() -> None:
    *train, test = study(0, noise=0.5, fading=0.9, n_runs=4)
    fitted = DRMRegressor(n_epochs=15).fit(train)
    assert fitted.stack_ is not None
    alone = DRMRegressor(n_epochs=15, stacking="none").fit(train)
    linear = DRMRegressor(fitted.model_, n_epochs=15, stacking="linear").fit(train)
    assert linear.stack_ is not None
    assert fitted.stack_.share.mean() > 0.3
    linear.stack_.share = np.zeros(6)
    assert fitted.score([test]) > max(alone.score([test]) - 0.005, linear.score([test]))
    whole = fitted.predict([test])[0]
    parts = [e.predict([test])[0] for e in (linear, alone)]
    share = fitted.stack_.share
    np.testing.assert_allclose(whole, (1 - share) * parts[0] + share * parts[1], rtol=1e-9)


def test_all_of_it_is_saved_and_taken_up(tmp_path: Path) -> None:
    runs = study(1, noise=1.0, fading=0.5)
    fitted = DRMRegressor(n_epochs=2).fit(runs)
    fitted.save(tmp_path / "saved")
    loaded = DRMRegressor.load(tmp_path / "saved")
    units = Units(tmp_path / "units")
    for _ in range(2):  # the second takes up what the first left
        again = DRMRegressor(n_epochs=2)
        fit_all_runs(units, "drm", again, runs)
        for other in (loaded, again):
            assert other.stack_ is not None
            assert np.array_equal(other.predict(runs)[0], fitted.predict(runs)[0])


def test_starts_share_what_is_left_out() -> None:
    runs = study(1, noise=1.0)
    fitted = DRMRegressor(n_epochs=2, n_starts=2).fit(runs)
    assert len(fitted.starts_) == 2
    assert fitted.stack_ is not None
    assert np.isfinite(fitted.predict(runs)[0]).all()


def test_a_part_whose_training_failed_says_nothing() -> None:
    runs = study(1, noise=1.0)
    estimator = DRMRegressor(n_epochs=2)
    fits = estimator.prepare(runs)
    failure: Any = object()
    estimator.keep_best(fits, [Trained(1.0), *[Trained(1.0, failure)] * (len(fits) - 1)])
    assert estimator.stack_ is not None
    assert (estimator.stack_.share == 0).all()


def test_a_short_run_is_predicted_by_the_linear_model_and_said() -> None:
    (run,) = study(0, noise=0.5, n_runs=1)
    short = Run(
        {"V1": Stream(run.responses["V1"].values[:35], TR * np.arange(35))}, run.stimuli, tr=TR
    )
    with pytest.warns(TrainingWarning, match="too few volumes to say what dynamics are worth"):
        fitted = DRMRegressor(n_epochs=2).fit([short])
    assert fitted.stack_ is not None
    assert (fitted.stack_.share == 0).all()


def test_what_has_no_linear_model_is_refused() -> None:
    runs = study(0, noise=0.5)
    net = DRMRegressor(n_epochs=1, stacking="none").fit(runs).net_
    assert isinstance(net, DRMNet)
    with pytest.raises(UsageError, match="a net made by hand has none"):
        DRMRegressor(net, stacking="linear").fit(runs)
    with pytest.raises(UsageError, match="give one of them"):
        DRMRegressor(n_epochs="auto").fit(runs)
    other = default_model(runs).model_dump(mode="json", by_alias=True, exclude_none=True)
    other["readout"] = {"kind": "lfp"}
    with pytest.raises(UsageError, match="one readout of kind bold, not LFP"):
        DRMRegressor(other).fit(runs)


def test_the_linear_model_is_linear() -> None:
    runs = study(0, noise=0.5)
    spec = default_model(runs)
    linear = linear_model(spec, spec.build(runs))
    stack = Stack(linear, linear.build(runs), runs)
    assert not [p for p in linear.projections if p.source not in spec.stimuli]
    for part in (linear, linear_model(linear, stack.net)):
        assert [p.nonlinearity for p in part.build(runs).populations] == ["linear"]  # type: ignore[attr-defined]
