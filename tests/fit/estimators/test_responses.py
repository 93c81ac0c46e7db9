"""Models of components predict, and are scored in, the measured units."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.responses import PCAResponses, SelectResponses, TransformedResponses
from drmbids.fit.estimators.transformers import ScaleStimuli
from drmbids.maths.metrics.scores import score_run

TIMES = 2.0 * np.arange(80)


def make_run(seed: int, noise: float = 2.0) -> Run:
    """Return a run of 30 voxels that share the responses to two conditions."""
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.uniform(0, 140, 12))
    events = Events(onsets, np.full(12, 4.0), [("a", "b")[i % 2] for i in range(12)])
    bare = Run({"V1": Stream(np.zeros((80, 30)), TIMES)}, {"events": events}, tr=2.0)
    design = GLMBaseline().fit([bare]).design_matrix(bare).to_numpy()
    weights = np.random.default_rng(7).normal(size=(2, 30))
    values = 20 * design @ weights + noise * rng.normal(size=(80, 30)) + 0.1 * TIMES[:, None]
    responses = {"V1": Stream(values[:, :20], TIMES), "V2": Stream(values[:, 20:], TIMES)}
    return Run(responses, {"events": events}, tr=2.0, entities={"run": str(seed)})


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k) for k in range(4)]


def test_all_components_change_nothing(runs):
    plain = GLMBaseline().fit(runs[:3])
    model = TransformedResponses(GLMBaseline(), PCAResponses()).fit(runs[:3])
    np.testing.assert_allclose(model.predict(runs)[3], plain.predict(runs)[3], atol=1e-9)
    assert model.regions_ == {"V1": 20, "V2": 10}
    assert model.score(runs[3:]) == pytest.approx(plain.score(runs[3:]))


def test_few_components_are_scored_in_measured_units(runs):
    model = TransformedResponses(GLMBaseline(), PCAResponses(2)).fit(runs[:3])
    (predicted,) = model.predict(runs[3:])
    assert predicted.shape == (80, 30)
    assert np.linalg.matrix_rank(predicted) == 2
    table = score_run(runs[3], predicted, {"V1": 20, "V2": 10}, Nuisance())
    assert model.score(runs[3:]) == pytest.approx(table["r2"].mean())
    assert model.score(runs[3:]) > 0.2
    bare = model.predict([runs[3].without_responses()])[0]
    np.testing.assert_allclose(bare, predicted)


def test_some_responses_are_fitted_beside_others_of_other_times(runs):
    spikes = Stream(np.zeros((320, 2)), 0.5 * np.arange(320))
    mixed = [replace(run, responses={**run.responses, "cells": spikes}) for run in runs]
    with pytest.raises(DataError, match="different times"):
        GLMBaseline().fit(mixed)
    model = make_pipeline(SelectResponses(["V2"]), GLMBaseline()).fit(mixed[:3])
    alone = [replace(run, responses={"V2": run.responses["V2"]}) for run in runs]
    plain = GLMBaseline().fit(alone[:3])
    np.testing.assert_array_equal(model.predict(mixed[3:])[0], plain.predict(alone[3:])[0])
    assert model.score(mixed[3:]) == plain.score(alone[3:])
    with pytest.raises(DataError, match=r"no responses \['V3'\]; the runs have \['V1', 'V2'\]"):
        SelectResponses(["V3"]).fit(runs)


def test_components_are_those_of_the_training_runs_without_nuisance(runs):
    fitted = PCAResponses(2).fit(runs[:3])
    np.testing.assert_allclose(fitted.components_ @ fitted.components_.T, np.eye(2), atol=1e-12)
    rest = []
    for run in runs[:3]:
        values = np.concatenate([run.responses[r].values for r in ("V1", "V2")], axis=1)
        basis = np.vander(TIMES / 160, 3)
        rest.append(values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0])
    top = np.linalg.svd(np.concatenate(rest), full_matrices=False)[2][:2]
    np.testing.assert_allclose(np.abs(fitted.components_ @ top.T), np.eye(2), atol=1e-6)


def test_volumes_that_lack_a_target_are_left_out(runs):
    first = runs[0].responses["V1"]
    values = first.values.copy()
    values[7, 3] = np.nan
    gap = {"V1": Stream(values, TIMES), "V2": runs[0].responses["V2"]}
    holed = Run(gap, runs[0].stimuli, tr=2.0)
    (changed,) = PCAResponses(2).fit_transform([holed])
    missing = np.isnan(changed.responses["components"].values)
    assert missing[7].all() and missing.sum() == 2
    values[:, 3] = np.nan
    dead = Run({**gap, "V1": Stream(values, TIMES)}, runs[0].stimuli, tr=2.0)
    with pytest.raises(DataError, match="target 3 of 'V1' is missing most often"):
        PCAResponses(2).fit([dead])


def test_what_cannot_be_taken_back_is_refused(runs):
    with pytest.raises(UsageError, match="ScaleStimuli has no inverse_transform"):
        TransformedResponses(GLMBaseline(), ScaleStimuli()).fit(runs)
