"""DRMClassifier: choices that follow evidence are learnt, others stay at chance."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, LeaveOneOut, cross_val_score

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.modelfile.default import default_model
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.choice import Choice
from drmbids.data.runs.choices import choice_stream
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.estimators.classifier import DRMClassifier
from drmbids.fit.estimators.drm import DRMRegressor

N_TRIALS, SLOPE = 60, 5.0
ONSETS = 0.8 * np.arange(N_TRIALS)


def make_run(seed: int, follows: bool = True) -> tuple[Run, np.ndarray]:
    """Return a run of a perceptual decision, and the probability of "right" in each trial."""
    rng = np.random.default_rng(seed)
    coherence = rng.uniform(-1, 1, N_TRIALS)
    shown = Events(
        ONSETS,
        np.full(N_TRIALS, 0.4),
        ["left" if c < 0 else "right" for c in coherence],
        np.abs(coherence),
        columns=("left", "right"),
    )
    right = 1 / (1 + np.exp(-SLOPE * (coherence if follows else np.zeros(N_TRIALS))))
    chosen = [("left", "right")[int(u)] for u in rng.random(N_TRIALS) < right]
    chosen[seed % N_TRIALS] = "n/a"
    stream = choice_stream(ONSETS + 0.5, chosen)
    entities = {"run": str(seed)}
    bold = Stream(rng.normal(size=(24, 2)), 2.0 * np.arange(24))  # not looked at
    return (
        Run({"V1": bold, "choice": stream}, {"events": shown}, duration=49.0, entities=entities),
        right,
    )


@pytest.fixture(scope="module")
def decision() -> tuple[list[Run], list[np.ndarray]]:
    runs, right = zip(*(make_run(k) for k in range(4)), strict=True)
    return list(runs), list(right)


@pytest.fixture(scope="module")
def runs(decision) -> list[Run]:
    return decision[0]


@pytest.fixture(scope="module")
def fitted(runs: list[Run]) -> DRMClassifier:
    return DRMClassifier().fit(runs[:3])


def accuracy_of(run: Run, right: np.ndarray) -> float:
    values = run.responses["choice"].values
    made = ~np.isnan(values[:, 0])
    return float(np.mean((right[made] > 0.5) == (values[made, 1] == 1)))


def test_it_recovers_the_psychometric_curve(fitted: DRMClassifier, decision) -> None:
    """On a run it has not seen, nearly as well as the process that chose."""
    runs, right = decision
    found = fitted.predict_proba(runs[3:])[0]
    assert found.shape == (N_TRIALS, 2)
    np.testing.assert_allclose(found.sum(1), 1.0)
    assert np.corrcoef(found[:, 1], right[3])[0, 1] > 0.97
    assert np.abs(found[:, 1] - right[3]).mean() < 0.08
    assert fitted.score(runs[3:]) > accuracy_of(runs[3], right[3]) - 0.05
    # training starts from how often each choice was made
    made = np.concatenate([run.responses["choice"].values for run in runs[:3]])
    often = np.nanmean(made, axis=0)
    entropy = -(often * np.log(often)).sum()
    assert fitted.history_[0]["train_loss"] == pytest.approx(entropy, rel=1e-4)


def test_choices_that_follow_nothing_stay_at_chance() -> None:
    runs = [make_run(10 + k, follows=False)[0] for k in range(4)]
    scores = cross_val_score(DRMClassifier(n_epochs=40), runs, cv=LeaveOneOut())
    n_choices = 4 * (N_TRIALS - 1)
    assert abs(scores.mean() - 0.5) < 3 * 0.5 / np.sqrt(n_choices)


def test_predictions_are_labels_and_do_not_look_at_choices(
    fitted: DRMClassifier, runs: list[Run]
) -> None:
    assert fitted.classes_.tolist() == ["left", "right"]
    predicted = fitted.predict(runs)
    assert predicted.dtype == object and predicted.shape == (4,)
    assert set(predicted[3]) == {"left", "right"}
    stream = runs[3].responses["choice"]
    flipped = Stream(1 - stream.values, stream.times, stream.columns)
    other = replace(runs[3], responses={"choice": flipped})
    np.testing.assert_array_equal(fitted.predict([other])[0], predicted[3])
    both = fitted.score([runs[3]]) + fitted.score([other])
    assert both == pytest.approx(1.0)


def test_scikit_learn_can_search_clone_and_send_it(fitted: DRMClassifier, runs: list[Run]) -> None:
    assert is_classifier(fitted)
    grid = {"n_epochs": [1, 40]}
    search = GridSearchCV(DRMClassifier(), grid, cv=2, error_score="raise").fit(runs)
    assert search.best_params_ == {"n_epochs": 40}
    assert search.predict(runs)[0].shape == (N_TRIALS,)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(runs)
    sent = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(sent.predict_proba(runs)[3], fitted.predict_proba(runs)[3])


def test_a_saved_model_chooses_the_same(
    fitted: DRMClassifier, runs: list[Run], tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    loaded = DRMClassifier.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(runs)[3], fitted.predict_proba(runs)[3])
    assert loaded.classes_.tolist() == ["left", "right"] and loaded.response == "choice"
    bold = [replace(run, responses={"V1": run.responses["V1"]}, tr=2.0) for run in runs]
    DRMRegressor(n_epochs=0).fit(bold).save(tmp_path / "bold")
    with pytest.raises(DataError, match="no model of choices"):
        DRMClassifier.load(tmp_path / "bold")


def changed(run: Run, **change) -> Run:
    stream = run.responses["choice"]
    parts = {"values": stream.values, "times": stream.times, "columns": stream.columns, **change}
    return replace(run, responses={"choice": Stream(**parts)})


def test_what_are_no_choices_is_refused(runs: list[Run]) -> None:
    counts = changed(runs[0], values=np.full((N_TRIALS, 2), 3.0))
    late = changed(runs[0], times=ONSETS + 9.0)
    others = changed(runs[1], columns=("right", "up"))
    nothing = changed(runs[0], values=np.full((N_TRIALS, 2), np.nan))
    for bad, message in [
        ([counts], "run-0: response 'choice' at 0.5 s is no choice"),
        ([late], "run-0: a choice at 49.8 s, but the run lasts"),
        ([runs[0], others], "run-1: classes .* differ"),
        ([runs[0].without_responses()], "run-0: no response 'choice'"),
    ]:
        with pytest.raises(DataError, match=message):
            DRMClassifier(n_epochs=0).fit(bad)
    fitted = DRMClassifier(n_epochs=0).fit(runs[:1])
    with pytest.raises(DataError, match="nothing to score, no run has a choice"):
        fitted.score([nothing])
    with pytest.raises(UsageError, match="leave y out"):
        fitted.fit(runs, [0, 1, 0, 1])
    with pytest.raises(UsageError, match="list of runs"):
        fitted.fit(np.zeros((10, 2)))
    with pytest.raises(UsageError, match="readout of kind choice, not bold"):
        DRMClassifier(default_model(runs).model_copy(update={"resolution_s": 0.1})).fit(runs)


def decider(runs: list[Run]) -> DRMNet:
    """Return a net made by hand whose readout is a choice."""
    classes = len(runs[0].responses["choice"].columns)
    net = DRMNet(
        {"choice": Leaky(2, 2)},
        [DRMConnection()],
        [[None]],
        Choice([2], [classes], regions=["choice"]),
        0.1,
        {"events": ["left", "right"]},
    )
    net.population_list[0].initialise_inputs(2)
    return net


def test_a_net_made_by_hand_chooses_and_comes_back(runs: list[Run], tmp_path: Path) -> None:
    fitted = DRMClassifier(decider, n_epochs=20).fit(runs[:3])
    assert fitted.score(runs[3:]) > 0.7
    fitted.save(tmp_path)
    loaded = DRMClassifier.load(tmp_path, model=decider)
    np.testing.assert_array_equal(loaded.predict_proba(runs)[3], fitted.predict_proba(runs)[3])
    assert clone(loaded).get_params()["model"] is decider
