"""Steps before a model learn from training runs alone, in any of scikit-learn's pipelines."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, LeaveOneOut, cross_val_score
from sklearn.pipeline import make_pipeline

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.transformers import PCAStimuli, ScaleStimuli, SelectStimuli

TIMES = 2.0 * np.arange(70)


def make_run(seed: int) -> Run:
    """Return a run driven by a film of ten columns that share two signals, and by tones."""
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(70, 2))
    mixing = np.random.default_rng(99).normal(size=(2, 10))
    film = signals @ mixing + 0.01 * rng.normal(size=(70, 10))
    late = np.vstack([np.zeros((2, 2)), signals[:-2]])
    values = late @ [[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]] + 0.5 * rng.normal(size=(70, 3))
    return Run(
        {"V1": Stream(values, TIMES)},
        {"film": Stream(film, TIMES + 1.0), "tones": Events([9.0, 60.0], [2, 2], ["a", "b"])},
        tr=2.0,
        entities={"run": str(seed)},
    )


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k) for k in range(4)]


def ridge() -> RidgeBaseline:
    return RidgeBaseline(delays=(2.0, 4.0, 6.0))


def test_a_pipeline_is_its_steps_by_hand(runs):
    pipeline = make_pipeline(SelectStimuli(["film"]), PCAStimuli("film", 2), ridge())
    pca = PCAStimuli("film", 2).fit(runs[:3])
    bare = [replace(run, stimuli={"film": run.stimuli["film"]}) for run in runs]
    by_hand = ridge().fit(pca.transform(bare[:3]))
    score = pipeline.fit(runs[:3]).score(runs[3:])
    assert score == pytest.approx(by_hand.score(pca.transform(bare[3:])), rel=1e-12)
    assert score > 0.4
    assert by_hand.coef_.shape == (3, 6)
    np.testing.assert_array_equal(
        pipeline.predict([runs[3].without_responses()])[0], pipeline.predict(runs[3:])[0]
    )
    scores = cross_val_score(pipeline, runs, cv=LeaveOneOut())
    assert scores[3] == pytest.approx(score, rel=1e-12)


def test_a_search_over_a_step(runs):
    pipeline = make_pipeline(PCAStimuli("film"), ridge())
    grid = {"pcastimuli__n_components": [1, 2, 8]}
    search = GridSearchCV(pipeline, grid, cv=LeaveOneOut(), error_score="raise").fit(runs)
    assert search.best_params_["pcastimuli__n_components"] in (2, 8)
    assert search.best_score_ > search.cv_results_["mean_test_score"][0] + 0.1


def test_scales_are_those_of_the_training_runs(runs):
    scaler = ScaleStimuli().fit(runs[:2])
    samples = np.concatenate([run.stimuli["film"].values for run in runs[:2]])
    size = np.sqrt((samples**2).mean(0))
    new = runs[2].stimuli["film"]
    changed = scaler.transform(runs[2:])[0]
    np.testing.assert_allclose(changed.stimuli["film"].values, new.values / size)
    assert changed.stimuli["film"].columns == new.columns
    assert changed.stimuli["tones"] is runs[2].stimuli["tones"]
    assert changed.responses["V1"] is runs[2].responses["V1"]
    silent = replace(runs[0], stimuli={"film": Stream(np.zeros((70, 10)), TIMES)})
    (same,) = ScaleStimuli().fit_transform([silent])
    np.testing.assert_array_equal(same.stimuli["film"].values, 0.0)


def test_components_are_orthogonal_and_explain_what_they_should(runs):
    half = PCAStimuli("film", 0.99).fit(runs)
    assert half.transform(runs)[0].stimuli["film"].values.shape == (70, 2)
    found = np.concatenate([r.stimuli["film"].values for r in half.transform(runs)])
    covariance = np.cov(found.T)
    assert abs(covariance[0, 1]) < 1e-8 * covariance[0, 0]
    without = replace(runs[0], stimuli={"tones": runs[0].stimuli["tones"]})
    assert half.transform([without])[0] is without


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (SelectStimuli(["smell"]), DataError, r"no stimuli \['smell'\]; the runs have"),
        (PCAStimuli("tones"), DataError, "run-0: no run has a sampled stimulus 'tones'"),
    ],
)
def test_what_is_not_there_is_said(runs, step, error, message):
    with pytest.raises(error, match=message):
        clone(step).fit(runs)


def test_other_columns_than_those_of_training_are_refused(runs):
    fitted = PCAStimuli("film").fit(runs)
    narrow = replace(runs[0], stimuli={"film": Stream(np.zeros((70, 3)), TIMES)})
    with pytest.raises(DataError, match="has 3 columns that are not the 10 of training"):
        fitted.transform([narrow])


def test_a_stimulus_in_a_file_is_left_there(runs, tmp_path):
    np.save(tmp_path / "film.npy", np.ones((70, 10)))
    film = Stream(np.load(tmp_path / "film.npy", mmap_mode="r"), TIMES)
    mapped = replace(runs[0], stimuli={"film": film})
    for step in (ScaleStimuli(), PCAStimuli("film")):
        with pytest.raises(UsageError, match="'film' lies in a file"):
            step.fit([mapped])


@pytest.mark.parametrize("step", [SelectStimuli(["film"]), ScaleStimuli(), PCAStimuli("film")])
def test_steps_take_runs_alone_and_need_a_fit(runs, step):
    with pytest.raises(NotFittedError):
        clone(step).transform(runs)
    with pytest.raises(UsageError, match="leave y out"):
        clone(step).fit(runs, np.zeros(4))
    with pytest.raises(UsageError, match="list of runs"):
        clone(step).fit(np.zeros((4, 2)))
