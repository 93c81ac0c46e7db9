"""The GLM baseline against nilearn, against known weights, and on measured data."""

import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel, make_first_level_design_matrix, spm_hrf

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError
from drmbids.fit.baselines.glm import GLMBaseline

# A model with a hemodynamic response predicts a row from the rows before it.

EVENTS = pd.DataFrame(
    {
        "onset": [8.0, 40.0, 72.0, 110.0, 150.0, 150.0],
        "duration": [16.0, 4.0, 10.0, 16.0, 2.0, 2.0],
        "trial_type": ["a", "b", "a", "b", "a", "a"],
        "modulation": [1.0, 2.0, 0.5, 1.0, 1.0, 3.0],
    }
)
TIMES = 2.0 * np.arange(100)


def make_run(events: pd.DataFrame = EVENTS, times=TIMES, values=None, tr=2.0, name="1") -> Run:
    values = np.zeros((len(times), 2)) if values is None else values
    stimulus = Events(events.onset, events.duration, events.trial_type, events.modulation)
    responses = {"V1": Stream(values, times)}
    return Run(responses, {"events": stimulus}, tr=tr, entities={"run": name})


def with_weights(run: Run, weights: np.ndarray, **parameters) -> Run:
    """Return the run with responses made of its own design, on a drift."""
    design = GLMBaseline(**parameters).fit([run]).design_matrix(run).to_numpy()
    times = run.measured_times()
    stream = Stream(design @ weights + 0.1 * times[:, None] + 7.0, times)
    return Run({"V1": stream}, run.stimuli, tr=run.tr, entities=run.entities)


@pytest.mark.filterwarnings("ignore:Duplicated events")
@pytest.mark.parametrize("hrf_model", ["glover", "spm", "fir"])
def test_design_is_that_of_nilearn(hrf_model):
    delays = (0, 1, 2, 5) if hrf_model == "fir" else None
    run = make_run()
    design = GLMBaseline(hrf_model, delays).fit([run]).design_matrix(run)
    expected = make_first_level_design_matrix(
        TIMES, EVENTS, hrf_model, drift_model=None, fir_delays=delays
    ).drop(columns="constant")
    pd.testing.assert_frame_equal(design, expected, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Duplicated events")
@pytest.mark.parametrize("hrf_model", ["spm + derivative", "glover + derivative + dispersion"])
def test_derivatives_span_the_same_as_in_nilearn_but_are_left_as_they_are(hrf_model):
    run = make_run()
    design = GLMBaseline(hrf_model).fit([run]).design_matrix(run)
    expected = make_first_level_design_matrix(TIMES, EVENTS, hrf_model, drift_model=None)
    expected = expected.drop(columns="constant")
    assert design.columns.tolist() == expected.columns.tolist()
    for condition in ("a", "b"):
        ours = design.filter(regex=f"^{condition}").to_numpy()
        theirs = expected.filter(regex=f"^{condition}").to_numpy()
        np.testing.assert_allclose(ours[:, 0], theirs[:, 0], atol=1e-9)
        back = np.linalg.lstsq(theirs, ours, rcond=None)[0]
        np.testing.assert_allclose(theirs @ back, ours, atol=1e-8)


@pytest.mark.filterwarnings("ignore:Duplicated events")
def test_weights_are_those_of_nilearn():
    rng = np.random.default_rng(0)
    volume = rng.normal(100.0, 5.0, size=(2, 2, 2, 100)) + 3 * np.sin(TIMES / 60)
    image = nib.Nifti1Image(volume, np.eye(4))
    mask = nib.Nifti1Image(np.ones((2, 2, 2), dtype=np.int8), np.eye(4))
    peer = FirstLevelModel(
        t_r=2.0, hrf_model="glover", drift_model="polynomial", drift_order=2, noise_model="ols",
        mask_img=mask, signal_scaling=False, minimize_memory=False,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.fit(image, events=EVENTS)
        maps = [peer.compute_contrast(c, output_type="effect_size").get_fdata() for c in "ab"]
    run = make_run(values=volume.reshape(8, 100).T)
    model = GLMBaseline(nuisance=Nuisance(order=2)).fit([run])
    assert model.regressors_ == ("a", "b")
    np.testing.assert_allclose(model.coef_, np.stack([m.ravel() for m in maps], 1), rtol=1e-6)


def test_weights_over_runs_are_one_least_squares_with_a_drift_for_each():
    rng = np.random.default_rng(1)
    later = EVENTS.assign(onset=EVENTS.onset + 6.0)
    runs = [
        make_run(values=rng.normal(size=(100, 3))),
        make_run(later, values=rng.normal(size=(100, 3))),
    ]
    model = GLMBaseline(nuisance=Nuisance(order=1)).fit(runs)
    drift = Nuisance(order=1).drifts(TIMES)
    design = np.concatenate([model.design_matrix(run) for run in runs])
    whole = np.column_stack([design, np.kron(np.eye(2), drift)])
    values = np.concatenate([run.responses["V1"].values for run in runs])
    expected = np.linalg.lstsq(whole, values, rcond=None)[0][:2].T
    np.testing.assert_allclose(model.coef_, expected, atol=1e-10)


def test_missing_elements_are_left_out_each_for_its_own_target():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(100, 4))
    values[10:30, 1] = np.nan
    values[rng.random(100) < 0.3, 2] = np.nan
    run = make_run(values=values)
    found = GLMBaseline().fit([run, run]).coef_
    drift, design = Nuisance().drifts(TIMES), GLMBaseline().fit([run]).design_matrix(run).to_numpy()
    for k in range(4):
        there = np.isfinite(values[:, k])
        whole = np.column_stack([design, drift])[there]
        expected = np.linalg.lstsq(whole, values[there, k], rcond=None)[0][:2]
        np.testing.assert_allclose(found[k], expected, atol=1e-9)


def test_a_target_that_is_never_measured_is_reported():
    values = np.random.default_rng(0).normal(size=(100, 2))
    values[:, 1] = np.nan
    with pytest.warns(DataWarning, match="1 of 2 targets"):
        model = GLMBaseline().fit([make_run(values=values)])
    assert np.isnan(model.coef_).all(axis=1).tolist() == [False, True]


def test_weights_are_recovered_from_runs_with_other_conditions():
    weights = np.array([[2.0, -1.0], [0.5, 3.0]])
    first = with_weights(make_run(), weights)
    only_b = with_weights(make_run(EVENTS[EVENTS.trial_type == "b"], name="2"), weights[1:])
    model = GLMBaseline().fit([only_b, first])
    assert model.regressors_ == ("b", "a")
    np.testing.assert_allclose(model.coef_, weights[::-1].T, atol=1e-8)
    assert not model.design_matrix(only_b)["a"].any()


def test_a_condition_that_training_never_showed_is_reported_and_predicts_nothing():
    model = GLMBaseline().fit([make_run(EVENTS[EVENTS.trial_type == "a"])])
    with pytest.warns(DataWarning, match=r"run-2: \['events:b'\] occur in no training run"):
        design = model.design_matrix(make_run(name="2"))
    assert design.columns.tolist() == ["a"]


def test_impulses_weigh_the_same_at_any_tr():
    impulses = EVENTS.assign(duration=0.0).drop(index=5)
    weights = np.array([[2.0, -1.0], [0.5, 3.0]])
    fine = np.arange(0.0, 200.0, 0.8)
    runs = [
        with_weights(make_run(impulses), weights),
        with_weights(make_run(impulses, times=fine, tr=0.8, name="2"), weights),
    ]
    slow, fast = (GLMBaseline().fit([run]).design_matrix(run) for run in runs)
    # an impulse of area 1 gives the HRF itself, whose area is 1
    assert slow["b"].sum() * 2.0 == pytest.approx(
        impulses.query("trial_type == 'b'").modulation.sum(), rel=0.05
    )
    assert fast["b"].sum() * 0.8 == pytest.approx(slow["b"].sum() * 2.0, rel=0.02)
    assert GLMBaseline().fit(runs[:1]).score(runs[1:]) > 0.999


def test_censored_and_jittered_volumes_see_the_same_response():
    whole = make_run()
    model = GLMBaseline().fit([whole])
    kept = np.r_[0:20, 27:100]
    design = model.design_matrix(whole).to_numpy()
    censored = model.design_matrix(make_run(times=TIMES[kept]))
    np.testing.assert_allclose(censored.to_numpy(), design[kept], atol=1e-9)
    jittered = np.sort(TIMES + np.random.default_rng(0).uniform(0, 1.9, 100))
    shifted = model.design_matrix(make_run(times=jittered)).to_numpy()
    dense = model.design_matrix(make_run(times=np.arange(0, 199, 0.04))).to_numpy()
    for k in range(2):
        expected = np.interp(jittered, np.arange(0, 199, 0.04), dense[:, k])
        np.testing.assert_allclose(shifted[:, k], expected, atol=1e-6)


def test_events_before_the_run_count_as_far_as_the_response_reaches():
    early = pd.DataFrame(
        {"onset": [-60.0, -10.0, -500.0, 60.0], "duration": [40.0, 8.0, 5.0, 8.0],
         "trial_type": ["long", "near", "far", "far"], "modulation": 1.0}
    )  # fmt: skip
    run = make_run(early)
    design = GLMBaseline("spm").fit([run]).design_matrix(run)
    # the same run seen from 100 s earlier
    moved = make_run(early.assign(onset=early.onset + 100), times=2.0 * np.arange(150))
    expected = GLMBaseline("spm").fit([moved]).design_matrix(moved).iloc[50:]
    np.testing.assert_allclose(design, expected, atol=1e-9)
    assert design["near"].abs().max() > 0.1
    assert design["far"].iloc[:30].abs().max() < 1e-12


def test_events_after_the_run_are_a_column_of_zeros_and_get_no_weight():
    late = pd.concat([EVENTS, EVENTS.iloc[:1].assign(onset=1000.0, trial_type="late")])
    run = with_weights(make_run(late), np.array([[2.0], [1.0], [5.0]]))
    model = GLMBaseline().fit([run])
    np.testing.assert_allclose(model.coef_, [[2.0, 1.0, 0.0]], atol=1e-8)


def test_a_sampled_stimulus_is_convolved_like_the_events_it_samples():
    run = make_run()
    at = np.arange(0.05, 200, 0.1)
    shown = np.zeros((len(at), 2))
    for row in EVENTS.itertuples():
        on = (at > row.onset) & (at < row.onset + row.duration)
        shown[on, "ab".index(row.trial_type)] += row.modulation
    stream = Stream(shown, at, columns=["a", "b"])
    sampled = Run(run.responses, {"contrast": stream}, tr=2.0)
    design = GLMBaseline().fit([sampled]).design_matrix(sampled)
    assert design.columns.tolist() == ["contrast:a", "contrast:b"]
    expected = GLMBaseline().fit([run]).design_matrix(run)
    np.testing.assert_allclose(design, expected, atol=0.01)


def test_a_stimulus_that_drift_explains_gets_no_weight():
    ramp = Stream(np.column_stack([np.ones(500), np.arange(500)]), np.linspace(-50.0, 250.0, 500))
    run = make_run(values=np.random.default_rng(0).normal(size=(100, 2)))
    run = Run(run.responses, {**run.stimuli, "scanner": ramp}, tr=2.0)
    with pytest.warns(DataWarning, match=r"explain all of \['scanner:0', 'scanner:1'\] in every"):
        model = GLMBaseline("glover").fit([run])
    assert model.regressors_ == ("a", "b", "scanner:0", "scanner:1")
    assert not np.isnan(model.coef_).any()
    assert np.abs(model.predict([run])[0]).max() < 5


def test_own_functions_serve_as_hrf():
    def narrow(t_r: float, oversampling: int = 50) -> np.ndarray:
        return spm_hrf(t_r, oversampling)

    run = make_run()
    own = GLMBaseline([narrow]).fit([run]).design_matrix(run)
    assert own.columns.tolist() == ["a_narrow", "b_narrow"]
    named = GLMBaseline("SPM").fit([run]).design_matrix(run)
    np.testing.assert_array_equal(own.to_numpy(), named.to_numpy())


def test_parameters_table_names_each_weight():
    run = with_weights(make_run(), np.array([[2.0, -1.0], [0.5, 3.0]]))
    model = GLMBaseline().fit([run])
    table = model.parameters_table().set_index(["region", "target", "parameter"])["value"]
    assert len(table) == 4
    assert table["V1", 0, "b"] == pytest.approx(0.5)
    assert table["V1", 1, "a"] == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hrf_model": "gamma"}, "unknown hrf_model 'gamma'"),
        ({"hrf_model": None}, "must be a name or functions"),
        ({"hrf_model": "fir"}, "needs fir_delays"),
        ({"hrf_model": "fir", "fir_delays": (-1, 0)}, "whole TRs from 0 up"),
        ({"hrf_model": "fir", "fir_delays": (0.5,)}, "whole TRs from 0 up"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(UsageError, match=message):
        GLMBaseline(**parameters).fit([make_run()])


def test_fir_refuses_runs_of_another_tr():
    runs = [make_run(), make_run(tr=1.0, name="2")]
    with pytest.raises(DataError, match="run-2: TR 1 s"):
        GLMBaseline("fir", (0, 1)).fit(runs)


def test_runs_without_stimuli_or_with_names_that_clash_are_refused():
    with pytest.raises(DataError, match="no run has events or a sampled stimulus"):
        GLMBaseline().fit([Run({"V1": Stream(np.zeros((9, 1)), np.arange(9.0))}, tr=1.0)])
    clash = EVENTS.replace({"trial_type": {"b": "a_derivative"}})
    with pytest.raises(DataError, match="'a_derivative'"):
        GLMBaseline("spm + derivative").fit([make_run(clash)])


def load_haxby(folder: Path) -> list[Run]:
    """Return the 12 runs of one slice, read by nibabel and pandas alone."""
    stem = "sub-01_task-objectviewing_acq-1slice"
    mask = nib.load(folder / f"derivatives/pymvpa/sub-01/func/{stem}_desc-brain_mask.nii.gz")
    inside = mask.get_fdata() > 0
    runs = []
    for k in range(1, 13):
        name = folder / f"sub-01/func/{stem}_run-{k:02d}"
        bold = nib.load(f"{name}_bold.nii.gz").get_fdata()[inside].T
        events = pd.read_csv(f"{name}_events.tsv", sep="\t")
        stimulus = Events(events.onset, events.duration, events.trial_type)
        responses = {"brain": Stream(bold, 2.5 * np.arange(len(bold)))}
        runs.append(Run(responses, {"events": stimulus}, tr=2.5, entities={"run": f"{k:02d}"}))
    return runs


@pytest.mark.real_data
def test_figures_of_haxby(haxby):
    # made by another program: nilearn's design matrices and plain least squares
    published = {
        "glover": (0.122, 0.154, 0.473),
        "spm": (0.092, 0.123, 0.388),
        "spm + derivative": (0.150, 0.197, 0.595),
        "fir": (0.121, 0.187, 0.624),
    }
    models = {h: GLMBaseline(h, tuple(range(15)) if h == "fir" else None) for h in published}
    results = compare_models(models, load_haxby(haxby))
    table = results.summary().set_index("model")[["r_median", "r_mean", "r_p95"]]
    expected = pd.DataFrame(published, index=table.columns).T
    np.testing.assert_allclose(table.loc[list(published)], expected, atol=0.01)
    assert (results.table.groupby("model")["r"].size() == 12 * 530).all()
