"""Nothing that is fitted sees a test run, chance stays chance, and the true model wins."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.parts import PopulationSpec
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.simulation.simulate import simulate_runs
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.fit.baselines.autoregressive import ARBaseline
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.library import HRFLibrary
from drmbids.fit.baselines.mean import MeanBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.responses import PCAResponses, TransformedResponses
from drmbids.fit.estimators.transformers import PCAStimuli, ScaleStimuli

TR, N_VOLUMES, N_TARGETS = 2.0, 60, 4
TIMES = TR * np.arange(N_VOLUMES)

#: Everything that learns something before or beside its weights: scales, components, penalties,
#: weightings of bands, hemodynamic responses, autocorrelations, settings, the epoch that is kept.
MODELS = {
    "glm": GLMBaseline(),
    "autocorrelation": ARBaseline(),
    "penalty": RidgeBaseline(delays=(2.0, 4.0, 6.0)),
    "bands": RidgeBaseline(kernels="spm", edges=True, banded=True, n_weightings=3, random_state=0),
    "library": HRFLibrary(),
    "mean": MeanBaseline(),
    "scaler": make_pipeline(ScaleStimuli(), RidgeBaseline(delays=(2.0, 4.0))),
    "stimulus components": make_pipeline(PCAStimuli("film", 2), GLMBaseline()),
    "response components": TransformedResponses(GLMBaseline(), PCAResponses(2)),
    "search": GridSearchCV(GLMBaseline(), {"hrf_model": ["spm", "glover"]}, cv=2),
    "drm": DRMRegressor(n_epochs=3, random_state=0),
    "validated drm": DRMRegressor(n_epochs=3, n_validation_runs=1, random_state=0),
}


def make_run(seed: int, gain: float = 3.0) -> Run:
    """Return a run driven by events and a film, with confounds, drift and noise."""
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.uniform(0, 100, 8))
    events = Events(onsets, np.full(8, 4.0), [("a", "b")[i % 2] for i in range(8)])
    film = Stream(rng.normal(size=(N_VOLUMES, 3)), TIMES + 1)
    stimuli = {"events": events, "film": film}
    bare = Run({"V1": Stream(np.zeros((N_VOLUMES, N_TARGETS)), TIMES)}, stimuli, tr=TR)
    design = GLMBaseline().fit([bare]).design_matrix(bare).to_numpy()
    signal = design @ np.random.default_rng(5).normal(size=(design.shape[1], N_TARGETS))
    confounds = rng.normal(size=(N_VOLUMES, 2))
    values = (
        gain * signal + rng.normal(size=signal.shape) + confounds[:, :1] + 0.02 * TIMES[:, None]
    )
    return Run(
        {"V1": Stream(values, TIMES)}, stimuli, Stream(confounds, TIMES), tr=TR,
        entities={"run": str(seed)},
    )  # fmt: skip


def garbage(run: Run) -> Run:
    """Return a run whose every number is another, and larger."""
    rng = np.random.default_rng(13)
    events = run.stimuli["events"]
    return replace(
        run,
        responses={"V1": Stream(1e5 * rng.normal(size=(N_VOLUMES, N_TARGETS)), TIMES)},
        stimuli={
            "events": Events(events.onsets / 2, events.durations, events.conditions, [1e3] * 8),
            "film": Stream(1e4 * rng.normal(size=(N_VOLUMES, 3)), TIMES),
        },
        confounds=Stream(1e6 * rng.normal(size=(N_VOLUMES, 2)), TIMES),
    )


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k) for k in range(4)]


@pytest.mark.parametrize("name", MODELS)
def test_garbage_in_the_test_run_changes_no_fit(name, runs):
    def fitted(all_runs: list[Run]):
        results = compare_models(
            {name: MODELS[name]}, all_runs, cv=[([0, 1, 2], [3])], return_estimators=True
        )
        return results.estimators[name]["run-3"], results.table["r"].mean()

    clean, score = fitted(runs)
    planted, _ = fitted([*runs[:3], garbage(runs[3])])
    for one, other in zip(clean.predict(runs), planted.predict(runs), strict=True):
        np.testing.assert_array_equal(one, other)
    if name != "mean":  # runs have conditions at other times: what they share is nothing
        assert score > 0.3


# the mean of other runs does not look at stimuli, so nothing is at stake for it
@pytest.mark.parametrize("name", [name for name in MODELS if name != "mean"])
def test_responses_that_belong_to_other_stimuli_are_at_chance(name):
    """Each run has the responses of another one: what is left is noise around r = 0."""
    own = [make_run(100 + k) for k in range(6)]
    moved = [
        replace(run, responses=other.responses, confounds=other.confounds)
        for run, other in zip(own, own[2:] + own[:2], strict=True)
    ]
    table = compare_models({name: clone(MODELS[name])}, moved, cv=3).table
    by_fold = table.groupby("fold")["r"].mean()
    assert abs(by_fold.mean()) < 0.15
    assert table["r2"].mean() < 0.02


def test_the_simpler_model_wins_when_it_is_the_truth():
    """One response function for all: a free one for each voxel fits noise as well."""
    runs = [make_run(200 + k, gain=0.8) for k in range(4)]
    models = {"one": GLMBaseline(), "free": GLMBaseline("fir", fir_delays=tuple(range(12)))}
    scores = compare_models(models, runs).per_target().groupby("model")["r2"].mean()
    assert scores["one"] > scores["free"] + 0.05
    fitted = [clone(model).fit(runs).score(runs) for model in models.values()]
    assert fitted[1] > fitted[0]  # in the runs it was fitted to, the larger model looks better


def test_the_true_model_wins_on_data_drawn_from_it():
    """Units that remember for 6 s: the response function of the others is not the right one."""
    templates = [
        replace(run.without_responses(), stimuli={"events": run.stimuli["events"]}, confounds=None)
        for run in (make_run(300 + k) for k in range(4))
    ]
    readout = BOLD([2], [6], regions=["V1"])
    torch.manual_seed(0)
    truth = DRMNet(
        {"V1": Leaky(2, 2, tau=6.0, nonlinearity="linear")}, [DRMConnection()], [[None]], readout,
        0.5, {"events": ("a", "b")},
    )  # fmt: skip
    readout.weights[0].data.normal_()
    runs = simulate_runs(truth, templates, snr=1.0, random_state=0)
    spec = default_model(runs)
    slow = PopulationSpec(kind="leaky", units=2, nonlinearity="linear")
    spec = spec.model_copy(update={"populations": {"each_region": slow}})
    models = {
        "glm": GLMBaseline("spm"),
        "drm": DRMRegressor(spec, n_epochs=30, learning_rate=0.1, random_state=0),
    }
    scores = compare_models(models, runs).per_target().groupby("model")["r2"].mean()
    assert scores["drm"] > scores["glm"] + 0.05
