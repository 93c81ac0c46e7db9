"""A fit is done once: what is finished is read, what is foreign or damaged is made again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drmbids.compare.crossvalidation import fits, units
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.units import Units, fit_all_runs
from drmbids.data.runs.results import Results
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataWarning, DRMWarning, UsageError
from drmbids.data.tools.interruption import Interrupted, ask_to_stop, watching
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.drm import DRMRegressor

WEIGHTS = np.array([[1.0, 0.5], [0.0, 1.0]])


def models(n_epochs: int = 2) -> dict:
    return {"ridge": RidgeBaseline(delays=(0.0, 2.0)), "drm": DRMRegressor(n_epochs=n_epochs)}


def assert_same(found: Results, wanted: Results) -> None:
    pd.testing.assert_frame_equal(found.table, wanted.table, check_exact=True)
    for model, by_run in wanted.predictions.items():
        for run, series in by_run.items():
            np.testing.assert_array_equal(found.predictions[model][run], series)


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that the names of fits are added to as they are made."""
    made: list[str] = []
    real = fits.fit_each

    def noted(estimators, runs, labels, checkpoint):
        made.extend(labels)
        return real(estimators, runs, labels, checkpoint)

    monkeypatch.setattr(fits, "fit_each", noted)
    monkeypatch.setattr(units, "fit_together", noted)
    return made


def test_finished_fits_are_read(make_runs: Callable, tmp_path: Path, fitted: list[str]) -> None:
    runs = make_runs(3, 0, WEIGHTS)
    wanted = compare_models(models(), runs, log_likelihood=True)
    assert len(fitted) == 6
    for n in (12, 12):  # the first call fits, the second reads
        found = compare_models(models(), runs, log_likelihood=True, units=Units(tmp_path))
        assert_same(found, wanted)
        assert len(fitted) == n
    assert {p.name.split("_")[0] for p in tmp_path.iterdir()} == {"ridge", "drm"}


def test_callbacks_see_what_is_trained_and_begin_no_new_units(
    make_runs: Callable, tmp_path: Path, fitted: list[str]
) -> None:
    runs, rows = make_runs(3, 0, WEIGHTS), []
    for callbacks in ((), (rows.append,)):
        model = {"drm": DRMRegressor(n_epochs=1, callbacks=callbacks)}
        compare_models(model, runs, units=Units(tmp_path))
    assert (len(fitted), rows) == (3, [])


def test_a_change_begins_new_units(make_runs: Callable, tmp_path: Path, fitted: list[str]) -> None:
    runs = make_runs(3, 0, WEIGHTS)
    compare_models(models(), runs, units=Units(tmp_path))
    before = len(fitted)
    compare_models(models(n_epochs=3), runs, units=Units(tmp_path))
    assert [label.split("'")[1] for label in fitted[before:]] == ["drm"] * 3
    values = runs[0].responses["V1"].values.copy()
    values[3, 0] += 1e-9
    changed = {**runs[0].responses, "V1": Stream(values, runs[0].responses["V1"].times)}
    before = len(fitted)
    compare_models(
        models(), [replace(runs[0], responses=changed), *runs[1:]], units=Units(tmp_path)
    )
    assert len(fitted) - before == 6
    before = len(fitted)
    compare_models(models(), runs, log_likelihood=True, units=Units(tmp_path))
    assert len(fitted) - before == 6


@pytest.mark.parametrize("fault", ["flipped bit", "cut", "lost", "foreign"])
def test_a_unit_with_a_fault_is_refused_with_the_reason(
    make_runs: Callable, tmp_path: Path, fitted: list[str], fault: str
) -> None:
    runs, only = make_runs(3, 0, WEIGHTS), {"ridge": models()["ridge"]}
    wanted = compare_models(only, runs, units=Units(tmp_path))
    unit = sorted(tmp_path.iterdir())[1]
    file = unit / "arrays.safetensors"
    if fault == "flipped bit":
        content = bytearray(file.read_bytes())
        content[-9] ^= 1
        file.write_bytes(content)
    elif fault == "cut":
        file.write_bytes(file.read_bytes()[:50])
    elif fault == "lost":
        file.unlink()
    else:
        (unit / "manifest.json").write_text("{}")
    fitted.clear()
    with pytest.warns(DRMWarning, match=f"unit of work refused: .*{unit.name}.*computed again"):
        found = compare_models(only, runs, units=Units(tmp_path))
    assert_same(found, wanted)
    assert fitted == ["model 'ridge', fold 'run-1'"]
    compare_models(only, runs, units=Units(tmp_path))  # it was put right


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_stop_on_the_way_changes_no_number(
    make_runs: Callable, tmp_path: Path, fitted: list[str], at_once: int
) -> None:
    runs = make_runs(3, 0, WEIGHTS)
    stops = iter([("drm", 0), ("drm", 2), (None, 0)])

    def callback(row: dict) -> None:
        if row["epoch"] == stop_at[1]:
            ask_to_stop()

    wanted = compare_models(models(3), runs, n_models_at_once=at_once)
    for stop_at in stops:
        several = models(3)
        if stop_at[0] is not None:
            several["drm"].callbacks = [callback]
            with pytest.raises(Interrupted), watching(None):
                compare_models(several, runs, n_models_at_once=at_once, units=Units(tmp_path))
            assert any(p.name.startswith("training_") for p in tmp_path.iterdir())
    found = compare_models(several, runs, n_models_at_once=at_once, units=Units(tmp_path))
    assert_same(found, wanted)
    assert not any(p.name.startswith("training_") for p in tmp_path.iterdir())


def test_the_fit_to_all_runs_is_taken_up(
    make_runs: Callable, tmp_path: Path, fitted: list[str]
) -> None:
    runs = make_runs(2, 0, WEIGHTS)
    first, again = models()["drm"], models()["drm"]
    for estimator in (first, again):
        fit_all_runs(Units(tmp_path), "drm", estimator, runs)
    assert len(fitted) == 1
    np.testing.assert_array_equal(again.predict(runs)[1], first.predict(runs)[1])
    assert str(again.history_) == str(first.history_)
    assert again.n_parameters_ == first.n_parameters_ and again.regions_ == first.regions_


def test_warnings_are_given_again(make_runs: Callable, tmp_path: Path) -> None:
    runs = make_runs(2, 0, WEIGHTS)
    holed = []
    for run in runs:
        values = run.responses["V1"].values.copy()
        values[:, 0] = np.nan
        gap = {**run.responses, "V1": Stream(values, run.responses["V1"].times)}
        holed.append(replace(run, responses=gap))
    only = {"ridge": models()["ridge"]}
    for _ in range(2):
        with pytest.warns(DataWarning, match="missing throughout"):
            compare_models(only, holed, units=Units(tmp_path))


def test_estimators_cannot_be_asked_of_units(make_runs: Callable, tmp_path: Path) -> None:
    runs = make_runs(2, 0, WEIGHTS)
    with pytest.raises(UsageError, match="hold no estimators"):
        compare_models(models(), runs, return_estimators=True, units=Units(tmp_path))
