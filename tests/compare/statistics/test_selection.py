"""Bayesian model selection against reference values, sampling and known frequencies."""

import numpy as np
import pandas as pd
import pytest

from drmbids.compare.statistics.selection import exceedance_probabilities, select_models
from drmbids.data.tools.exceptions import UsageError

EVIDENCE = pd.DataFrame(
    {"a": [0, -1, 0.5, -2, 0], "b": [-1, 0, 0, 0, -3], "c": [-5, -4, -3, -6, -2]}
)


# By an implementation of the equations of Rigoux et al. 2014 that is not this one, run to
# convergence, with exceedance from 400 000 Dirichlet draws; the first prior also by groupBMC.
@pytest.mark.parametrize(
    ("prior", "frequency", "exceedance", "protected", "risk"),
    [
        (1 / 3, [0.5678, 0.3762, 0.0560], [0.692, 0.297, 0.011], [0.487, 0.318, 0.195], 0.5709),
        (1.0, [0.4832, 0.3880, 0.1287], [0.600, 0.365, 0.035], [0.464, 0.348, 0.187], 0.5105),
    ],
)
def test_reference_values(prior, frequency, exceedance, protected, risk):
    found = select_models(EVIDENCE, prior)
    assert found["model"].tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(found["frequency"], frequency, atol=6e-5)
    np.testing.assert_allclose(found["exceedance"], exceedance, atol=2e-3)
    np.testing.assert_allclose(found["protected_exceedance"], protected, atol=1e-3)
    np.testing.assert_allclose(found["omnibus_risk"], risk, atol=6e-5)


@pytest.mark.parametrize(
    "counts", [[5.0, 3.0], [0.1, 0.1, 5.1], [500.0, 1.0], [1 / 3, 20.0, 25.0], [1.0] * 8]
)
def test_exceedance_is_that_of_samples(counts):
    rng = np.random.default_rng(0)
    draws = rng.gamma(counts, size=(200_000, len(counts))).argmax(1)
    expected = np.bincount(draws, minlength=len(counts)) / len(draws)
    found = exceedance_probabilities(np.array(counts))
    np.testing.assert_allclose(found, expected, atol=0.004)
    assert found.sum() == pytest.approx(1.0)


def test_true_frequencies_are_found():
    rng = np.random.default_rng(0)
    owner = rng.choice(3, size=400, p=[0.6, 0.3, 0.1])
    evidence = rng.normal(size=(400, 3)) + 8.0 * np.eye(3)[owner]
    found = select_models(pd.DataFrame(evidence))
    np.testing.assert_allclose(found["frequency"], [0.6, 0.3, 0.1], atol=0.05)
    assert found["protected_exceedance"][0] > 0.99
    assert found["omnibus_risk"][0] < 1e-6


def test_equal_models_are_not_told_apart():
    rng = np.random.default_rng(1)
    found = select_models(pd.DataFrame(0.3 * rng.normal(size=(20, 2))))
    assert found["omnibus_risk"][0] > 0.7
    np.testing.assert_allclose(found["protected_exceedance"], 0.5, atol=0.2)
    same = select_models(pd.DataFrame(np.zeros((20, 4))))
    np.testing.assert_allclose(same[["frequency", "exceedance", "protected_exceedance"]], 0.25)


def test_one_participant_does_not_decide_for_all():
    evidence = pd.DataFrame({"a": [1000.0, 0, 0, 0, 0, 0, 0], "b": [0.0, 3, 3, 3, 3, 3, 3]})
    found = select_models(evidence).set_index("model")
    assert evidence["a"].sum() > evidence["b"].sum()
    assert found.loc["b", "exceedance"] > 0.9


def test_what_all_models_share_in_a_participant_changes_nothing():
    shifted = EVIDENCE.add([1e4, -1e4, 0, 5, 1e5], axis=0)
    np.testing.assert_allclose(
        select_models(shifted).drop(columns="model"),
        select_models(EVIDENCE).drop(columns="model"),
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    ("evidence", "prior", "message"),
    [
        (EVIDENCE[["a"]], 1.0, "two models or more"),
        (EVIDENCE.replace(-6, np.nan), 1.0, "must be finite"),
        (EVIDENCE.iloc[:0], 1.0, "n_participants"),
        (EVIDENCE, 0.0, "prior_count must be above 0"),
    ],
)
def test_evidence_that_cannot_be_used_is_refused(evidence, prior, message):
    with pytest.raises(UsageError, match=message):
        select_models(evidence, prior)
