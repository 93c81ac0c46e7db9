"""Scores against scipy and scikit-learn, and what they do where data are missing."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError
from drmbids.maths.metrics.scores import correlation, measured_values, r2, score_run

TIMES = 2.0 * np.arange(40)


@pytest.fixture
def series() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    measured = rng.normal(size=(40, 5)) * [1.0, 10.0, 1e-3, 1e4, 1.0] + [0.0, 3.0, 5.0, 1e4, -7.0]
    return measured, 0.5 * measured + rng.normal(size=(40, 5))


def make_run(**regions: np.ndarray) -> Run:
    rng = np.random.default_rng(2)
    confounds = Stream(rng.normal(size=(40, 2)), TIMES, columns=["x", "y"])
    streams = {name: Stream(values, TIMES) for name, values in regions.items()}
    return Run(streams, confounds=confounds, tr=2.0, entities={"run": "1"})


def test_correlation_is_pearsonr(series):
    measured, predicted = series
    expected = [pearsonr(m, p).statistic for m, p in zip(measured.T, predicted.T, strict=True)]
    np.testing.assert_allclose(correlation(measured, predicted), expected, rtol=1e-10)


def test_r2_is_that_of_scikit_learn(series):
    measured, predicted = series
    expected = r2_score(measured, predicted, multioutput="raw_values")
    np.testing.assert_allclose(r2(measured, predicted), expected, rtol=1e-10)


def test_missing_elements_are_left_out_each_for_its_own_target(series):
    measured, predicted = series
    measured = measured.copy()
    measured[::3, 0] = np.nan
    measured[5:20, 3] = np.nan
    for k in range(measured.shape[1]):
        there = np.isfinite(measured[:, k])
        m, p = measured[there, k], predicted[there, k]
        assert correlation(measured, predicted)[k] == pytest.approx(pearsonr(m, p).statistic)
        assert r2(measured, predicted)[k] == pytest.approx(r2_score(m, p))


def test_a_constant_or_absent_series_has_no_score():
    rng = np.random.default_rng(0)
    measured = np.column_stack([np.full(30, 0.1), np.full(30, np.nan), rng.normal(size=(30, 2))])
    predicted = rng.normal(size=(30, 4))
    predicted[:, 2] = 1e5 + 0.1
    r, share = correlation(measured, predicted), r2(measured, predicted)
    assert np.isnan(r).tolist() == [True, True, True, False]
    assert np.isnan(share).tolist() == [True, True, False, False]


def test_a_prediction_that_is_nan_is_not_passed_over():
    measured = np.random.default_rng(0).normal(size=(30, 2))
    predicted = measured.copy()
    predicted[4, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(correlation(measured, predicted)), [False, True])
    np.testing.assert_array_equal(np.isnan(r2(measured, predicted)), [False, True])


def test_a_perfect_prediction_scores_one(series):
    measured, _ = series
    assert correlation(measured, measured).max() <= 1.0
    np.testing.assert_allclose(correlation(measured, measured), 1.0)
    np.testing.assert_allclose(correlation(measured, -measured), -1.0)
    np.testing.assert_allclose(r2(measured, measured), 1.0)


def test_shapes_must_agree():
    with pytest.raises(DataError, match=r"\(3, 2\).*\(3, 1\)"):
        correlation(np.zeros((3, 2)), np.zeros((3, 1)))
    with pytest.raises(DataError, match="n_measured, n_targets"):
        r2(np.zeros(3), np.zeros(3))


def test_nuisance_in_either_series_changes_no_score(series):
    measured, predicted = series
    drift = np.column_stack([np.ones(40), TIMES, TIMES**2])
    run = make_run(V1=measured)
    confounds = run.confounds.values
    dirty = make_run(V1=measured + (drift @ [50.0, 1.0, -0.02] + confounds @ [3.0, -9.0])[:, None])
    clean = score_run(run, predicted, {"V1": 5}, Nuisance())
    for other in (
        score_run(dirty, predicted, {"V1": 5}, Nuisance()),
        score_run(run, predicted + (drift @ [9.0, 1.0, 0.1])[:, None], {"V1": 5}, Nuisance()),
    ):
        np.testing.assert_allclose(other[["r", "r2"]], clean[["r", "r2"]], rtol=1e-5)
    unclean = score_run(dirty, predicted, {"V1": 5}, Nuisance(order=0, confounds=False))
    assert (unclean.r - clean.r).abs().max() > 0.1


def test_missing_volumes_are_as_if_never_measured(series):
    measured, predicted = (values[:, :3].copy() for values in series)
    measured[[3, 4, 17], 1] = np.nan
    run = make_run(V1=measured)
    basis = Nuisance().basis(run, TIMES)
    table = score_run(run, predicted, {"V1": 3}, Nuisance())
    there = np.isfinite(measured[:, 1])
    project = np.eye(there.sum()) - basis[there] @ np.linalg.pinv(basis[there])
    m, p = project @ measured[there, 1], project @ predicted[there, 1]
    assert table.r[1] == pytest.approx(pearsonr(m, p).statistic)
    assert table.r2[1] == pytest.approx(r2_score(m, p))


def test_regions_name_the_rows_whatever_the_order_in_the_run(series):
    measured, predicted = series
    run = make_run(b=measured[:, :2], a=measured[:, 2:])
    table = score_run(run, predicted[:, [2, 3, 4, 0, 1]], {"a": 3, "b": 2}, Nuisance())
    assert table.region.tolist() == ["a"] * 3 + ["b"] * 2
    assert table.target.tolist() == [0, 1, 2, 0, 1]
    whole = score_run(make_run(all=measured), predicted, {"all": 5}, Nuisance())
    np.testing.assert_allclose(table.r, whole.r[[2, 3, 4, 0, 1]], rtol=1e-10)


def test_what_is_pure_nuisance_has_no_score():
    flat = np.column_stack(
        [np.full(40, 1234.5), 3.0 + TIMES, np.random.default_rng(0).normal(size=40)]
    )
    table = score_run(make_run(V1=flat), flat[:, ::-1], {"V1": 3}, Nuisance())
    # targets 0 and 1 are drift; target 2 has a drift for a prediction
    assert table.r.isna().all()
    assert table.r2.isna().tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("regions", "shape", "message"),
    [
        ({"V2": 5}, (40, 5), "no response 'V2'"),
        ({"V1": 4}, (40, 4), "5 targets, expected 4"),
        ({"V1": 5}, (39, 5), r"predicted \(39, 5\), measured \(40, 5\)"),
    ],
)
def test_wrong_regions_or_shapes_are_refused(series, regions, shape, message):
    run = make_run(V1=series[0])
    with pytest.raises(DataError, match=message):
        score_run(run, np.zeros(shape), regions, Nuisance())


def test_measured_values_of_regions_with_different_times_are_refused():
    streams = {"a": Stream(np.zeros((3, 1)), [0, 1, 2]), "b": Stream(np.zeros((3, 1)), [0, 1, 3])}
    with pytest.raises(DataError, match="different times"):
        measured_values(Run(streams, tr=1.0), {"a": 1, "b": 1})
