"""Several starts: each is a fit of its own, the best is kept, and one start is what it was."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from drmbids.app.analysis.columns import MODEL_TABLES, log_columns
from drmbids.bids.files.write import write_table
from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.parts import TrainingSpec
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.units import Units, fit_all_runs
from drmbids.data.runs.choices import choice_stream
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import (
    DivergenceError,
    TrainingError,
    TrainingWarning,
    UsageError,
)
from drmbids.data.tools.interruption import Interrupted, ask_to_stop, watching
from drmbids.fit.estimators.classifier import DRMClassifier
from drmbids.fit.estimators.draws import draw_physical
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.starts import best_start, history_of_starts, seeds_of_starts
from drmbids.fit.estimators.together import fit_together
from drmbids.fit.training import together
from drmbids.fit.training.together import Fit, Trained

SEEDS = seeds_of_starts(0, 3)
TIMES = 2.0 * np.arange(40)


def make_run(k: int) -> Run:
    rng = np.random.default_rng(k)
    events = Events(rng.uniform(0, 60, 8), np.full(8, 4.0), list("abababab"))
    bold = {"V1": Stream(rng.normal(size=(40, 4)), TIMES)}
    return Run(bold, {"events": events}, tr=2.0, entities={"run": str(k)})


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k) for k in range(3)]


class FromSeed(DRMRegressor):
    """A fit of its own that starts as the start of several with this seed does."""

    def _build(self, runs: list[Run], label: str = "") -> list[Fit]:
        fits = super()._build(runs, label)
        if self.random_state != SEEDS[0]:
            draw_physical(fits[0].model.net, self.random_state)
        return fits


@pytest.fixture(scope="module")
def alone(runs: list[Run]) -> list[DRMRegressor]:
    """Return the fits that three starts consist of."""
    return [
        FromSeed(stacking="none", n_epochs=3, random_state=seed).fit(runs[:2]) for seed in SEEDS
    ]


def lowest(fit: DRMRegressor) -> float:
    return min(row["objective"] for row in fit.history_)


def test_the_start_with_the_lowest_objective_is_kept(
    runs: list[Run], alone: list[DRMRegressor]
) -> None:
    model = DRMRegressor(stacking="none", n_epochs=3, n_starts=3).fit(runs[:2])
    found = [lowest(fit) for fit in alone]
    best = int(np.argmin(found))
    assert best > 0  # otherwise nothing would be told from a single start
    assert {row["start"] for row in model.history_} == {best}
    for k, fit in enumerate(alone):
        objectives = [row[f"objective_start_{k}"] for row in model.history_]
        assert objectives == pytest.approx([r["objective"] for r in fit.history_], rel=1e-4)
    np.testing.assert_allclose(
        model.predict(runs)[2], alone[best].predict(runs)[2], rtol=0, atol=2e-3
    )
    assert list(model.starts_["ending"][best : best + 1]) == ["same"]
    np.testing.assert_allclose(model.starts_["objective"], found, rtol=1e-4)
    assert log_columns(model.history_[0]).keys() == {f"objective_start_{k}" for k in range(3)}


def test_priors_count_and_validation_runs_decide_where_there_are_any(runs: list[Run]) -> None:
    model = DRMRegressor(stacking="none", n_epochs=3, n_starts=3, n_validation_runs=1).fit(runs)
    assert all(row["objective"] == row["val_loss"] for row in model.history_)
    of_starts = [min(r[f"objective_start_{k}"] for r in model.history_) for k in range(3)]
    assert model.history_[0]["start"] == np.argmin(of_starts)
    first, *later = DRMRegressor(stacking="none", n_epochs=3).fit(runs).history_
    assert first["objective"] == pytest.approx(first["train_loss"], abs=1e-6)  # at the means
    assert all(row["objective"] != row["train_loss"] for row in later)


def test_one_start_is_a_fit_without_starts(runs: list[Run], alone: list[DRMRegressor]) -> None:
    model = DRMRegressor(stacking="none", n_epochs=3, n_starts=1).fit(runs[:2])
    np.testing.assert_array_equal(model.predict(runs)[2], alone[0].predict(runs)[2])
    assert model.history_[0].keys() == alone[0].history_[0].keys()
    assert not log_columns(model.history_[0])


def test_seeds_are_drawn_from_the_first() -> None:
    assert SEEDS[0] == 0 and seeds_of_starts(0, 5)[:3] == SEEDS
    assert len({seed for k in range(20) for seed in seeds_of_starts(k, 20)}) == 400
    with pytest.raises(UsageError, match="n_starts must be an integer, 1 or more, got 0"):
        DRMRegressor(n_starts=0).fit([make_run(0)])


def test_a_model_file_asks_for_starts_that_are_saved_and_cloned(
    runs: list[Run], tmp_path: Path
) -> None:
    training = TrainingSpec(n_epochs=2, n_starts=2)
    spec = default_model(runs).model_copy(update={"training": training})
    model = clone(DRMRegressor(spec)).fit(runs[:2])
    assert {"objective_start_0", "objective_start_1"} < model.history_[0].keys()
    assert "start" not in DRMRegressor(spec, n_starts=1).fit(runs[:2]).history_[0]
    assert clone(DRMRegressor(n_starts=2)).get_params()["n_starts"] == 2
    model.save(tmp_path)
    loaded = DRMRegressor.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(runs)[2], model.predict(runs)[2])
    assert loaded.model_.training.n_starts == 2


def test_starts_of_all_models_are_trained_side_by_side(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    train = together.train_together

    def noted(fits: list, checkpoint: None) -> list[float]:
        batches.append(len(fits))
        return train(fits, checkpoint)

    monkeypatch.setattr(together, "train_together", noted)
    models = [
        DRMRegressor(stacking="none", n_epochs=2, n_starts=n, random_state=n) for n in (2, 1, 3)
    ]
    fit_together(models, [runs[:2]] * 3)
    assert batches == [6]
    for model in models:
        own = clone(model).fit(runs[:2])
        a, b = own.predict(runs)[2], model.predict(runs)[2]
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-3)
    assert batches == [6, 2, 1, 3]


def test_a_stop_on_the_way_changes_no_number(runs: list[Run], tmp_path: Path) -> None:
    def stop(row: dict) -> None:
        if (row["epoch"], row.get("start")) == (1, 1):
            ask_to_stop()

    def compared(units: Units | None, *callbacks: object) -> np.ndarray:
        models = {"drm": DRMRegressor(stacking="none", n_epochs=3, n_starts=3, callbacks=callbacks)}
        return compare_models(models, runs, units=units).table["r"].to_numpy()

    with pytest.raises(Interrupted), watching(None):
        compared(Units(tmp_path), stop)
    assert any(tmp_path.glob("training_*/part-0/epoch-*"))
    np.testing.assert_array_equal(compared(Units(tmp_path)), compared(None))


def test_the_best_start_is_taken_up_from_disk(runs: list[Run], tmp_path: Path) -> None:
    first, again = (DRMRegressor(stacking="none", n_epochs=3, n_starts=3) for _ in range(2))
    for model in (first, again):
        fit_all_runs(Units(tmp_path), "drm", model, runs[:2])
    assert first.history_[0]["start"] > 0
    assert str(again.history_) == str(first.history_)
    np.testing.assert_array_equal(again.predict(runs)[2], first.predict(runs)[2])
    log = pd.DataFrame(again.history_)
    write_table(tmp_path / "log.tsv", log, MODEL_TABLES | log_columns(log))
    described = json.loads((tmp_path / "log.json").read_text())
    assert list(described) == list(log)
    assert described["objective_start_2"]["Description"].endswith(": start 2")


def test_a_start_that_fails_is_named(runs: list[Run]) -> None:
    alone = pytest.raises(TrainingError, match=r"^start 0: training diverged with each")
    with alone, pytest.warns(TrainingWarning):
        DRMRegressor(stacking="none", n_epochs=3, n_starts=2, learning_rate=1e30).fit(runs)


def test_a_start_that_diverges_is_left_out() -> None:
    ended = [Trained(0.9), Trained(0.1, DivergenceError("start 1: it diverged")), Trained(0.5)]
    with pytest.warns(TrainingWarning, match="start left out: start 1: it diverged"):
        assert best_start(ended) == 2
    histories = [[{"objective": v} for v in run] for run in ((3, 2, 1), (9,), (4, 3, 0))]
    rows = history_of_starts(histories, 2)
    assert [row["objective_start_1"] for row in rows] == pytest.approx(
        [9, np.nan, np.nan], nan_ok=True
    )
    assert [row["objective"] for row in rows] == [4, 3, 0]


def test_choices_are_learned_from_several_starts_too() -> None:
    onsets, shown = np.arange(8.0), ["left", "right"] * 4
    responses = {"choice": choice_stream(onsets + 0.6, shown)}
    run = Run(responses, {"events": Events(onsets, np.full(8, 0.4), shown)}, duration=9.0)
    model = DRMClassifier(n_epochs=2, n_starts=2).fit([run])
    of_starts = [[row[f"objective_start_{k}"] for row in model.history_] for k in range(2)]
    best = int(np.argmin([min(objectives) for objectives in of_starts]))
    assert {row["start"] for row in model.history_} == {best}
    alone = DRMClassifier(n_epochs=2).fit([run])
    assert of_starts[0] == pytest.approx([row["objective"] for row in alone.history_])
    assert of_starts[1] != pytest.approx(of_starts[0])
