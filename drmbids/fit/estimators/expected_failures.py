"""Which of scikit-learn's checks estimators over runs are known to fail, and why."""

from typing import Any

from drmbids.fit.estimators.base import RunEstimator

#: Rows that a regressor is given are one run: a time course, one row a second.
_ROWS_ARE_A_TIME_COURSE = {
    "check_methods_sample_order_invariance": "rows are a time course: their order matters",
    "check_methods_subset_invariance": "rows are a time course: what came before counts",
    "check_sample_weight_equivalence_on_dense_data": "rows are a time course: one that is repeated "
    "or left out moves those after it",
}


def expected_failed_checks(estimator: Any) -> dict[str, str]:
    """Return the checks of scikit-learn that an estimator is known to fail, each with its reason.

    Regressors fail three of 60. Classifier, resting-state model and steps of pipelines take runs
    alone, never rows: their tags say so (``input_tags.two_d_array`` is False), and scikit-learn
    leaves its checks on rows out.

    Parameters
    ----------
    estimator : estimator
        One of this package, or one that derives from one.

    Returns
    -------
    dict of str to str
        For ``expected_failed_checks`` of scikit-learn's ``check_estimator`` and
        ``parametrize_with_checks``.

    Examples
    --------
    >>> from drmbids import GLMBaseline
    >>> sorted(expected_failed_checks(GLMBaseline()))[0]
    'check_methods_sample_order_invariance'
    """
    return dict(_ROWS_ARE_A_TIME_COURSE) if isinstance(estimator, RunEstimator) else {}
