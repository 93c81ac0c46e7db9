"""Log-likelihood of held-out runs against the density worked out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.stats import norm

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.likelihood import run_log_likelihoods, with_log_likelihood
from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.selection import select_models
from drmbids.data.runs.fold import TestedRun
from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.autoregressive import ARBaseline
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.fitted import predict_each


def test_it_is_the_density_of_errors_with_the_variance_of_training(make_runs, ridge):
    runs = make_runs(4, 0, np.full((2, 4), 0.3))
    plain = Nuisance(order=0, confounds=False)
    results = compare_models({"m": ridge()}, runs, cv=2, return_estimators=True, nuisance=plain)
    scored = with_log_likelihood(results, runs)
    assert scored.scores == ["r", "r2", "log_likelihood"]
    assert list(results.table) == list(scored.table)[:-1]
    fold = results.folds["fold"].iloc[0]
    held_out, trained_on = runs[:2], runs[2:]

    def errors(run):
        values = np.concatenate([s.values for s in run.responses.values()], axis=1)
        predicted = results.estimators["m"][fold].predict([run])[0]
        return project_out(plain.basis(run, run.measured_times()), values - predicted)

    n = len(errors(runs[0]))
    variance = sum((errors(run) ** 2).sum(0) for run in trained_on) / (2 * (n - 1))
    # the intercept takes one dimension, so one density at its peak
    expected = sum(
        norm.logpdf(errors(run), 0, np.sqrt(variance)).sum(0) + 0.5 * np.log(2 * np.pi * variance)
        for run in held_out
    )
    found = scored.table[scored.table["fold"] == fold]
    np.testing.assert_allclose(found["log_likelihood"], expected)


def test_the_true_model_is_the_most_probable_and_selected(make_runs, ridge):
    models = {"both": ridge(), "first": ridge(columns=(0,))}
    evidence = []
    for seed in range(6):
        runs = make_runs(3, seed, np.full((2, 6), 0.5))
        results = compare_models(models, runs, return_estimators=True)
        scored = with_log_likelihood(results, runs)
        table = paired_differences(scored, "first").set_index("score")
        assert (table.loc["log_likelihood", "fold_mean"] > 0).all()
        assert table.loc["log_likelihood", "share_better"].tolist() == [1.0, 1.0]
        assert "log_likelihood_median" in scored.summary()
        evidence.append(scored.table.groupby("model")["log_likelihood"].sum())
    chosen = select_models(pd.DataFrame(evidence))
    assert chosen.set_index("model").loc["both", "protected_exceedance"] > 0.9


def test_fitted_models_have_to_be_kept(make_runs, ridge):
    runs = make_runs(2, 0, np.full((2, 4), 0.3))
    with pytest.raises(UsageError, match="return_estimators=True"):
        with_log_likelihood(compare_models({"m": ridge()}, runs), runs)


def test_autocorrelated_errors_are_more_probable_as_such():
    """Two models of the same prediction but for rounding: what differs is how errors count."""
    rng, runs = np.random.default_rng(0), []
    for k in range(4):
        noise = lfilter([1.0], [1.0, -0.6], rng.normal(size=(200, 5)), axis=0)[80:]
        noise = np.column_stack([noise, rng.normal(size=(120, 5))])
        bold = Stream(noise, 2.0 * np.arange(120))
        events = Events([20.0, 100.0, 180.0], [10.0] * 3, ["a", "b", "a"])
        runs.append(Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": str(k)}))
    models = {"glm": GLMBaseline(), "ar": ARBaseline()}
    table = compare_models(models, runs, log_likelihood=True).table
    by_target = table.groupby(["model", "target"])["log_likelihood"].sum()
    gain = by_target["ar"] - by_target["glm"]
    # 480 samples at -log(1 - rho^2) / 2 nats each; nothing is to be gained of white noise
    expected = -0.5 * np.log(1 - 0.36) * 480
    assert gain[:5].mean() == pytest.approx(expected, rel=0.25)
    assert abs(gain[5:].mean()) < 10
    other = replace(runs[0], tr=1.0)
    fitted, part = ARBaseline().fit(runs[1:]), TestedRun(other, other.label)
    with pytest.raises(DataError, match="run-0: TR 1 s, but the autocorrelation"):
        run_log_likelihoods(fitted, runs[1:], [part], predict_each(fitted, [other]), Nuisance())
