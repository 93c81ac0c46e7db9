"""Every estimator, score and test knows voxels by name: shuffled columns change no number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drmbids import (
    DRMRegressor,
    Events,
    GLMBaseline,
    MeanBaseline,
    PCAResponses,
    RidgeBaseline,
    Run,
    Stream,
    TransformedResponses,
    WholeBrain,
    compare_models,
    noise_ceiling,
    permutation_test,
)
from drmbids.compare.statistics.representations import condition_patterns
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError

NAMES = ("0_0_0", "0_0_1", "0_0_2", "0_0_3", "0_0_4")
N = 50

MODELS = {
    "glm": GLMBaseline(),
    "mean": MeanBaseline(),
    "ridge": RidgeBaseline(delays=(4.0, 6.0)),
    "components": TransformedResponses(GLMBaseline(), PCAResponses(2)),
    "drm": DRMRegressor(n_epochs=1, random_state=0),
}


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """Return four runs whose voxels answer to blocks with very different weights."""
    rng = np.random.default_rng(0)
    times, found = 2.0 * np.arange(N), []
    for k in range(4):
        onsets = np.array([6.0, 40.0, 70.0])
        on = sum(((times > t + 3) & (times < t + 13)).astype(float) for t in onsets)
        bold = np.outer(on, [1.0, -1.0, 2.0, -2.0, 0.5]) + 0.2 * rng.normal(size=(N, 5))
        events = Events(onsets, [10.0] * 3, ["a", "b", "a"])
        stream = Stream(bold, times, NAMES)
        found.append(Run({"V1": stream}, {"events": events}, tr=2.0, entities={"run": str(k)}))
    return found


def shuffled(run: Run, order: list[int]) -> Run:
    """Return a run with its voxels in another order, or with some of them only."""
    bold = run.responses["V1"]
    names = [bold.columns[k] for k in order]
    return replace(run, responses={"V1": Stream(bold.values[:, order], bold.times, names)})


def mixed(runs: list[Run]) -> list[Run]:
    """Return runs of which all but the first have their voxels in orders of their own."""
    orders = ([0, 1, 2, 3, 4], [3, 1, 4, 0, 2], [4, 3, 2, 1, 0], [1, 0, 3, 2, 4])
    return [shuffled(run, order) for run, order in zip(runs, orders, strict=True)]


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_fit_predict_and_score_match_voxels_by_name(model, runs: list[Run]) -> None:
    plain = model.fit(runs[:2])
    expected = plain.score(runs[2:]), plain.predict(runs[3:])[0]
    other = model.fit(mixed(runs)[:2])
    assert other.targets_ == {"V1": NAMES}
    assert other.score(mixed(runs)[2:]) == pytest.approx(expected[0], abs=1e-9)
    np.testing.assert_allclose(other.predict(mixed(runs)[3:])[0], expected[1], atol=1e-9)


def test_a_run_may_have_lost_voxels_of_the_fit(runs: list[Run]) -> None:
    model = GLMBaseline().fit(runs[:2])
    fewer = shuffled(runs[3], [4, 1, 2])
    with pytest.warns(DataWarning, match="V1: 2 of 5"):
        found = model.score([fewer])
    kept = GLMBaseline().fit([shuffled(run, [1, 2, 4]) for run in runs[:2]])
    assert found == pytest.approx(kept.score([shuffled(runs[3], [1, 2, 4])]))


def test_comparison_tests_and_ceilings_match_voxels_by_name(runs: list[Run]) -> None:
    models = {"ridge": RidgeBaseline(delays=(4.0, 6.0)), "mean": MeanBaseline()}
    results = compare_models(models, runs, log_likelihood=True)
    other = compare_models(models, mixed(runs), log_likelihood=True)
    scores = ["r", "r2", "log_likelihood"]
    np.testing.assert_allclose(results.table[scores], other.table[scores])
    # results of runs in one order, runs given in another: the tests follow the results
    backwards = [shuffled(run, [2, 4, 0, 1, 3]) for run in mixed(runs)]
    found = permutation_test(results, backwards, 19)
    expected = permutation_test(results, runs, 19)
    np.testing.assert_allclose(found[["r", "p"]], expected[["r", "p"]])
    refit = permutation_test(results, backwards, 2, refit={"ridge": models["ridge"]})
    exact = permutation_test(results, runs, 2, refit={"ridge": models["ridge"]})
    np.testing.assert_allclose(refit[["r", "p"]], exact[["r", "p"]])
    same = ["film"] * 4
    ceiling, again = noise_ceiling(runs, same), noise_ceiling(mixed(runs), same)
    np.testing.assert_allclose(ceiling.r_ceiling, again.r_ceiling)
    patterns = condition_patterns(runs, "V1")[1], condition_patterns(mixed(runs), "V1")[1]
    np.testing.assert_allclose(*patterns)


def test_sessions_that_lost_another_voxel_each_share_the_others(runs: list[Run]) -> None:
    lost = [shuffled(run, [1, 2, 3, 4] if k < 2 else [0, 1, 2, 3]) for k, run in enumerate(runs)]
    with pytest.warns(DataWarning, match="V1: 2 of 5"):
        found = compare_models({"glm": GLMBaseline()}, lost)
    expected = compare_models({"glm": GLMBaseline()}, [shuffled(r, [1, 2, 3]) for r in runs])
    np.testing.assert_allclose(found.table["r2"], expected.table["r2"])
    assert found.targets == {"V1": NAMES[1:4]}


def test_a_saved_model_knows_its_voxels(runs: list[Run], tmp_path: Path) -> None:
    fitted = DRMRegressor(n_epochs=1, random_state=0).fit(runs[:2])
    fitted.save(tmp_path)
    loaded = DRMRegressor.load(tmp_path)
    assert loaded.score(mixed(runs)[2:]) == pytest.approx(fitted.score(runs[2:]))
    strange = Stream(np.ones((N, 5)), 2.0 * np.arange(N), [f"9_9_{k}" for k in range(5)])
    with pytest.raises(DataError, match="run: has none of the 5 targets of 'V1'"):
        loaded.score([Run({"V1": strange}, runs[0].stimuli, tr=2.0)])


def test_a_brain_at_rest_matches_regions_by_name() -> None:
    rng = np.random.default_rng(1)
    series = rng.normal(size=(150, 3)).cumsum(0) * [1.0, 1.0, 2.0]
    names = ("left", "middle", "right")
    first = Run({"all": Stream(series, 2.0 * np.arange(150), names)}, tr=2.0)
    order = [2, 0, 1]
    again = Stream(series[:, order], 2.0 * np.arange(150), [names[k] for k in order])
    second = Run({"all": again}, tr=2.0, entities={"run": "2"})
    brain = WholeBrain(np.ones((3, 3)) - np.eye(3), mass="ornstein_uhlenbeck", n_starts=1)
    brain.set_params(n_iterations=1, trainable=["coupling"], coupling=0.1)
    one = brain.fit([first, first])
    expected = one.spectra_.values.numpy(), one.score([first])
    two = brain.fit([first, second])
    np.testing.assert_allclose(two.spectra_.values.numpy(), expected[0])
    assert two.score([second]) == pytest.approx(expected[1])
    labelled = pd.DataFrame(brain.weights, names, names)
    assert brain.set_params(weights=labelled).fit([first]).score([second]) == expected[1]
    other = labelled.loc[["right", "left", "middle"], ["right", "left", "middle"]]
    with pytest.raises(UsageError, match=r"weights: 3 rows, number 0 is 'right', .* runs 'left'"):
        brain.set_params(weights=other).fit([first])


def test_shared_confounds_of_another_order_are_those_of_their_names() -> None:
    rng = np.random.default_rng(2)
    motion = rng.normal(size=(40, 2))
    bold = np.outer(motion[:, 0], [3.0, -2.0]) + 0.1 * rng.normal(size=(40, 2))
    times = np.arange(40.0)
    events = {"events": Events([5.0, 20.0], [4.0, 4.0], ["a", "a"])}

    def run(order: list[int]) -> Run:
        confounds = Stream(motion[:, order], times, [("x", "y")[k] for k in order])
        return Run({"V1": Stream(bold, times)}, events, confounds=confounds, tr=1.0)

    model = {
        "schema_version": 1,
        "name": "shared",
        "stimuli": {"events": {"conditions": "all"}},
        "populations": {"V1": {"kind": "leaky", "units": 1}},
        "projections": [{"from": "events", "to": "V1"}],
        "readout": {"kind": "bold", "confounds": "shared"},
    }
    fitted = DRMRegressor(model, n_epochs=1, random_state=0).fit([run([0, 1])])
    plain, swapped = fitted.predict([run([0, 1]), run([1, 0])])
    np.testing.assert_allclose(swapped, plain, atol=1e-6)
    assert np.corrcoef(plain[:, 0], bold[:, 0])[0, 1] > 0.9
