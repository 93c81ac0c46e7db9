"""DRMRegressor: what scikit-learn, a saved model and a new run make of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import LeaveOneOut, cross_val_predict, cross_validate

from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.parts import StimulusSpec, TrainingSpec
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, DataWarning, DeviceError, UsageError
from drmbids.fit.estimators.drm import DRMRegressor

LENGTHS = (50, 60, 40)
REGIONS = {"V1": 4, "V2": 3}


def make_run(k: int, n_volumes: int) -> Run:
    """Return a run of its own length whose responses follow one condition, on a drift."""
    rng = np.random.default_rng(k)
    times = 2.0 * np.arange(n_volumes)
    onsets = np.arange(4.0, times[-1] - 16, 18.0) + rng.uniform(0, 6)
    names = [("a", "b")[i % 2] for i in range(len(onsets))]
    events = Events(onsets, np.full(len(onsets), 6.0), names, columns=("a", "b"))
    lag = times[:, None] - onsets
    response = ((lag > 4) & (lag < 12)) @ np.array([name == "a" for name in names])
    responses = {
        name: Stream(
            response[:, None] * np.arange(1, n + 1)
            + 0.3 * rng.standard_normal((n_volumes, n))
            + 0.05 * times[:, None],
            times,
        )
        for name, n in REGIONS.items()
    }
    return Run(responses, {"events": events}, tr=2.0, entities={"run": str(k)})


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k, n) for k, n in enumerate(LENGTHS)]


@pytest.fixture(scope="module")
def fitted(runs: list[Run]) -> DRMRegressor:
    return DRMRegressor(n_epochs=3).fit(runs[:2])


def test_whole_runs_are_left_out(runs: list[Run]) -> None:
    found = cross_validate(
        DRMRegressor(n_epochs=2), runs, cv=LeaveOneOut(), error_score="raise"
    )["test_score"]  # fmt: skip
    alone = DRMRegressor(n_epochs=2).fit(runs[1:]).score(runs[:1])
    assert found[0] == pytest.approx(alone, abs=1e-6)
    assert found.min() > 0.3
    predicted = cross_val_predict(DRMRegressor(n_epochs=0), runs, cv=LeaveOneOut())
    assert [p.shape for p in predicted] == [(n, sum(REGIONS.values())) for n in LENGTHS]


def test_a_fit_depends_on_its_seed_alone(runs: list[Run]) -> None:
    def predicted(**options: int) -> np.ndarray:
        estimator = clone(DRMRegressor(n_epochs=2, **options))
        return estimator.fit(runs[:2]).predict(runs[2:])[0]

    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = predicted()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    np.testing.assert_array_equal(predicted(), first)
    np.testing.assert_array_equal(predicted(random_state=0), first)
    assert not np.array_equal(predicted(random_state=1), first)


def test_a_prediction_depends_on_its_own_run_alone(fitted: DRMRegressor, runs: list[Run]) -> None:
    alone = fitted.predict(runs[2:])[0]
    np.testing.assert_array_equal(fitted.predict(runs)[2], alone)
    np.testing.assert_array_equal(fitted.predict(runs[::-1])[0], alone)
    bare = runs[2].without_responses()
    np.testing.assert_array_equal(fitted.predict([bare])[0], alone)


def test_a_refit_forgets_the_fit_before(runs: list[Run]) -> None:
    fresh = DRMRegressor(n_epochs=2).fit(runs[1:])
    again = DRMRegressor(n_epochs=2).fit(runs[:2]).fit(runs[1:])
    np.testing.assert_array_equal(again.predict(runs[:1])[0], fresh.predict(runs[:1])[0])
    assert len(again.history_) == len(fresh.history_) == 3


def test_validation_runs_are_the_last_ones(runs: list[Run]) -> None:
    estimator = DRMRegressor(n_epochs=2, n_validation_runs=1).fit(runs)
    assert all(np.isfinite(row["val_loss"]) for row in estimator.history_)
    without = DRMRegressor(n_epochs=2).fit(runs[:2])
    assert estimator.history_[0]["train_loss"] == without.history_[0]["train_loss"]
    with pytest.raises(UsageError, match="leaves nothing of 3 runs"):
        DRMRegressor(n_validation_runs=3).fit(runs)


def test_gradients_may_be_cut_off(fitted: DRMRegressor, runs: list[Run]) -> None:
    """A window truncates gradients only: the loss before the first step is the same."""
    short = DRMRegressor(n_epochs=3, window=10.0).fit(runs[:2])
    losses = [[row["train_loss"] for row in e.history_] for e in (short, fitted)]
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-4)
    assert losses[0][-1] != losses[1][-1]


def test_the_estimator_comes_before_the_model_file(runs: list[Run]) -> None:
    spec = default_model(runs[:1]).model_copy(update={"training": TrainingSpec(n_epochs=1)})
    assert len(DRMRegressor(spec).fit(runs[:1]).history_) == 2
    assert len(DRMRegressor(spec, n_epochs=0).fit(runs[:1]).history_) == 1


def test_tables(fitted: DRMRegressor, runs: list[Run]) -> None:
    assert fitted.regions_ == REGIONS
    parameters = fitted.parameters_table()
    assert {"V1", "V2", "readout"} == set(parameters["node"])
    connections = fitted.connections_table()
    assert ("V1", "V2") in set(zip(connections["source"], connections["target"], strict=True))
    hrf = fitted.hrf_table()
    area = hrf["hrf"].abs().groupby(hrf["region"]).sum() * 0.1
    np.testing.assert_allclose(area, 1.0, atol=0.02)
    activity = fitted.activity(runs[2])
    assert set(activity) == {"V1", "V2"}
    assert all(np.isfinite(a).all() and a.any() for a in activity.values())
    assert fitted.n_parameters_ == sum(p.numel() for p in fitted.net_.parameters())


def test_a_saved_model_predicts_the_same(
    fitted: DRMRegressor, runs: list[Run], tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    loaded = DRMRegressor.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(runs[2:])[0], fitted.predict(runs[2:])[0])
    assert loaded.score(runs[2:]) == fitted.score(runs[2:])
    assert loaded.regions_ == fitted.regions_
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(DataError, match=r"weights\.safetensors: its checksum is not that of"):
        DRMRegressor.load(tmp_path)
    weights.unlink()
    with pytest.raises(DataError, match="missing; the model was not saved whole"):
        DRMRegressor.load(tmp_path)
    # of the time when activity of a tick was the state at its end
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format_version": 1}))
    with pytest.raises(DataError, match=r"format version 1, this drmbids reads 2; fit it again"):
        DRMRegressor.load(tmp_path)


@pytest.mark.parametrize(
    "use",
    [
        lambda e, path: e.parameters_table(),
        lambda e, path: e.connections_table(),
        lambda e, path: e.hrf_table(),
        lambda e, path: e.activity(make_run(0, 40)),
        lambda e, path: e.save(path),
        lambda e, path: e.n_parameters_,
        lambda e, path: e.predict([make_run(0, 40)]),
    ],
)
def test_nothing_can_be_asked_before_fit(use, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        use(DRMRegressor(), tmp_path)


def test_an_absent_device_is_an_error(runs: list[Run]) -> None:
    with pytest.raises(DeviceError):
        DRMRegressor(device="cuda:99").fit(runs)


def test_a_condition_that_training_never_showed_is_reported(runs: list[Run]) -> None:
    only_a = [
        replace(run, stimuli={"events": Events([4.0, 40.0], [6.0, 6.0], ["a", "a"])})
        for run in runs[:2]
    ]
    estimator = DRMRegressor(n_epochs=0).fit(only_a)
    with pytest.warns(DataWarning, match=r"\['events:b'\] occur in no training run"):
        estimator.predict(runs[2:])
    chosen = {"events": StimulusSpec(conditions=("a",))}
    spec = default_model().model_copy(update={"stimuli": chosen})
    assert DRMRegressor(spec, n_epochs=0).fit(runs[:2]).predict(runs[2:])[0].shape == (40, 7)
