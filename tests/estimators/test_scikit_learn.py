"""scikit-learn's own checks of estimators, on rows taken as one run."""

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import check_estimator

from drmbids.estimators.drm import DRMRegressor
from drmbids.estimators.glm import GLMBaseline

EXPECTED_FAILURES = {
    "check_methods_sample_order_invariance": "rows are a time course: their order matters",
    "check_methods_subset_invariance": "rows are a time course: a prediction needs those before it",
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("estimator", [GLMBaseline(), DRMRegressor(n_epochs=1)], ids=["glm", "drm"])
def test_scikit_learn_accepts_the_estimator(estimator: BaseEstimator) -> None:
    results = check_estimator(
        estimator, expected_failed_checks=EXPECTED_FAILURES, on_skip=None, on_fail="raise"
    )
    failed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert failed == set(EXPECTED_FAILURES)
