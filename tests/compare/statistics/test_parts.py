"""Parts of the variance of a linear model, where what each condition explains is known."""

from dataclasses import replace

import numpy as np
import pytest
from himalaya.scoring import r2_score_split

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.splits.stimulus_folds import StimulusFolds
from drmbids.compare.statistics.parts import partition_conditions
from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.weights import with_weights
from drmbids.data.tools.exceptions import DataError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.transformers import SelectConditions

N, TIMES = 120, 2.0 * np.arange(120)


def make_run(k: int, weights: np.ndarray, noise: float = 0.3) -> Run:
    """Return a run of conditions a and b, in random turn, and a film."""
    rng = np.random.default_rng(k)
    onsets = np.arange(4.0, 220.0, 9.0) + rng.uniform(0, 4, 24)
    events = Events(onsets, np.full(24, 3.0), rng.choice(["a", "b"], 24), columns=["a", "b"])
    film = Stream(rng.normal(size=(N, 1)), TIMES + 1, columns=["motion"])
    bare = Run({"V1": Stream(np.zeros((N, 1)), TIMES)}, {"events": events, "film": film}, tr=2.0)
    design = GLMBaseline().fit([bare]).design_matrix(bare)[["a", "b", "film:motion"]].to_numpy()
    design = design / design.std(0)
    values = design @ weights + noise * rng.normal(size=(N, weights.shape[1]))
    return replace(bare, responses={"V1": Stream(values, TIMES)}, entities={"run": str(k)})


#: Targets driven by a alone, by b alone, by a and the film alike, by nothing.
WEIGHTS = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k, WEIGHTS) for k in range(4)]


@pytest.fixture(scope="module")
def parts(runs):
    return partition_conditions(GLMBaseline(), runs)


def wide(table, measure: str):
    return table[table["measure"] == measure].pivot(index="target", columns="part", values="r2")


def test_what_only_one_condition_drives_is_unique_to_it(parts):
    unique = wide(parts, "unique")
    assert unique.loc[0, "a"] > 0.6
    assert unique.loc[0, ["b", "film:motion"]].abs().max() < 0.05
    assert unique.loc[1, "b"] > 0.6
    assert unique.loc[2, ["a", "film:motion"]].min() > 0.3
    assert unique.loc[3].abs().max() < 0.1  # the null: nothing drives it


def test_parts_add_up_to_the_score_of_the_whole_model(runs, parts):
    whole = compare_models({"glm": GLMBaseline()}, runs).per_target()["r2"].to_numpy()
    np.testing.assert_allclose(wide(parts, "unique").sum(axis=1), whole, atol=1e-9)
    np.testing.assert_allclose(wide(parts, "product").sum(axis=1), whole, atol=1e-9)


def test_the_product_measure_is_that_of_himalaya(runs, parts):
    shares = []
    for k, run in enumerate(runs):
        model = GLMBaseline().fit([r for j, r in enumerate(runs) if j != k])
        basis = Nuisance().basis(run, TIMES)
        clean = [project_out(basis, x) for x in model.predict_parts(run).values()]
        measured = project_out(basis, run.responses["V1"].values)
        shares.append(r2_score_split(measured, np.stack(clean), include_correlation=True))
    found = wide(parts, "product")[["a", "b", "film:motion"]].to_numpy().T
    np.testing.assert_allclose(found, np.mean(shares, 0), rtol=1e-5, atol=1e-6)


def test_groups_of_conditions_and_what_is_left_out(runs):
    spaces = {"pictures": ["a", "b"], "film": ["film:motion"]}
    table = partition_conditions(GLMBaseline(), runs, spaces)
    assert list(wide(table, "unique")) == ["film", "pictures", "pictures & film"]
    alone = partition_conditions(GLMBaseline(), runs, {"a": ["a"], "b": ["b"]})
    assert alone[alone["target"] == 2]["r2"].max() < 0.7  # the film drives half of it


def test_of_many_spaces_unique_parts_are_had_alone():
    rng, runs = np.random.default_rng(0), []
    for k in range(2):
        onsets = np.arange(4.0, 200.0, 8.0)
        shown = np.resize(list("abcd"), len(onsets))
        bold = Stream(rng.normal(size=(N, 1)), TIMES)
        events = Events(onsets, np.full(len(onsets), 3.0), shown)
        runs.append(Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": str(k)}))
    table = partition_conditions(GLMBaseline(), runs)
    assert table.loc[table["measure"] == "unique", "part"].tolist() == list("abcd")


def test_weights_count_in_both_measures(runs):
    weighted = with_weights(runs, [np.random.default_rng(k).exponential(size=N) for k in range(4)])
    table = partition_conditions(GLMBaseline(), weighted)
    whole = compare_models({"glm": GLMBaseline()}, weighted).per_target()["r2"].to_numpy()
    np.testing.assert_allclose(wide(table, "unique").sum(axis=1), whole, atol=1e-9)
    np.testing.assert_allclose(wide(table, "product").sum(axis=1), whole, atol=1e-9)


def test_spaces_that_cannot_be_told_apart_are_refused(runs):
    with pytest.raises(DataError, match="two spaces or more, found"):
        partition_conditions(GLMBaseline(), runs, {"all": ["a", "b"]})
    with pytest.raises(DataError, match="no condition 'c'; there are"):
        partition_conditions(GLMBaseline(), runs, {"one": ["a"], "two": ["c"]})
    with pytest.raises(DataError, match="condition 'a' is in several spaces"):
        partition_conditions(GLMBaseline(), runs, {"one": ["a"], "two": ["a", "b"]})


def test_a_condition_is_kept_with_its_events(runs):
    (kept,) = SelectConditions(["b", "film:motion"]).fit_transform(runs[:1])
    assert set(kept.stimuli["events"].conditions) == {"b"}
    assert kept.stimuli["film"].columns == ("motion",)
    with pytest.raises(DataError, match=r"run-0: no conditions \['c'\]"):
        SelectConditions(["c"]).fit(runs)


def test_parts_of_folds_over_stimuli_add_up_as_well(runs):
    cv = StimulusFolds(reach=1.0)
    found = partition_conditions(GLMBaseline(), runs, cv=cv)
    whole = compare_models({"glm": GLMBaseline()}, runs, cv).per_target()["r2"].to_numpy()
    for measure in ("unique", "product"):
        np.testing.assert_allclose(wide(found, measure).sum(axis=1), whole, atol=1e-9)
