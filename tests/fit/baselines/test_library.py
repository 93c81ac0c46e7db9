"""The library of HRFs: known responses are found, and the choice is that of cross-validation."""

from dataclasses import replace

import numpy as np
import pytest

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataWarning
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.library import LIBRARY, HRFLibrary


def make_run(k: int, hrfs: list, noise: float, n_times: int = 120) -> Run:
    """Return a run of short events whose targets respond each with an HRF of its own."""
    rng = np.random.default_rng(k)
    times = 1.5 * np.arange(n_times)
    onsets = np.cumsum(rng.uniform(5, 15, 30))
    onsets = onsets[onsets < times[-1] - 10]
    events = Events(onsets, np.full(len(onsets), 2.0), rng.choice(["a", "b"], len(onsets)))
    bare = Run({"V1": Stream(np.zeros((n_times, 1)), times)}, {"events": events}, tr=1.5)
    clean = [
        GLMBaseline(hrf).fit([bare]).design_matrix(bare).sort_index(axis=1).to_numpy() @ [3.0, -2.0]
        for hrf in hrfs
    ]
    values = np.stack(clean, 1) + noise * rng.normal(size=(n_times, len(hrfs)))
    drift = rng.normal(size=len(hrfs)) * times[:, None]
    return replace(bare, responses={"V1": Stream(values + drift, times)}, entities={"run": str(k)})


def test_the_library_has_twenty_shapes_of_stated_peaks():
    assert len(LIBRARY) == len({hrf.__name__ for hrf in LIBRARY}) == 20
    for hrf in LIBRARY:
        samples = hrf(1.0, 100)
        assert samples.argmax() / 100 == pytest.approx(hrf.peak, abs=0.03)
        assert samples.sum() == pytest.approx(1.0)
    peaks = [hrf.peak for hrf in LIBRARY]
    assert (min(peaks), max(peaks)) == (2.7, 5.7)


@pytest.mark.parametrize("noise", [0.001, 0.1])
def test_the_hrf_of_each_target_is_recovered(noise):
    runs = [make_run(k, list(LIBRARY), noise) for k in range(4)]
    model = HRFLibrary().fit(runs[:3])
    if noise == 0.001:
        assert model.hrf_.tolist() == list(range(20))
        assert model.score(runs[3:]) > 0.999
    true = np.array([hrf.peak for hrf in LIBRARY])
    assert np.corrcoef(model.hrf_peak_, true)[0, 1] > 0.9
    assert model.score(runs[3:]) > GLMBaseline().fit(runs[:3]).score(runs[3:]) + 0.02


def test_only_the_chosen_hrf_has_weights_those_of_least_squares():
    runs = [make_run(k, list(LIBRARY[3:5]), 0.001) for k in range(3)]
    model = HRFLibrary(alphas=[1e-9]).fit(runs)
    assert model.hrf_.tolist() == [3, 4]
    table = model.parameters_table().query("value != 0")
    assert sorted(set(table.query("target == 0").parameter)) == ["a_spm_3.7s", "b_spm_3.7s"]
    for target, hrf in enumerate(LIBRARY[3:5]):
        plain = GLMBaseline(hrf).fit(runs)
        found = table.query("target == @target").set_index("parameter")["value"]
        np.testing.assert_allclose(
            found.loc[list(plain.regressors_)], plain.coef_[target], rtol=1e-5
        )


def test_noise_prefers_no_hrf():
    rng = np.random.default_rng(0)
    runs = [
        replace(run, responses={"V1": Stream(rng.normal(size=(120, 300)), run.measured_times())})
        for run in (make_run(k, [LIBRARY[0]], 1.0) for k in range(3))
    ]
    model = HRFLibrary().fit(runs[:2])
    assert len(set(model.hrf_)) > 10
    assert abs(model.score(runs[2:])) < 0.03


def test_a_target_that_is_never_measured_has_no_hrf():
    run = make_run(0, [LIBRARY[0]] * 2, 0.1)
    values = np.array(run.responses["V1"].values)
    values[:, 0] = np.nan
    with pytest.warns(DataWarning, match="1 of 2 targets"):
        model = HRFLibrary().fit(
            [replace(run, responses={"V1": Stream(values, run.measured_times())})]
        )
    assert np.isnan(model.hrf_peak_).tolist() == [True, False]
    assert np.isnan(model.coef_).all(1).tolist() == [True, False]
