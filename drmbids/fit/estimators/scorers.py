"""Scores of runs for scikit-learn's ``scoring=``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators.base import as_runs, refuse_y
from drmbids.fit.estimators.fitted import fitted_estimator
from drmbids.fit.estimators.mean_score import mean_score

Score = Literal["r", "r2"]


@dataclass(frozen=True)
class RunScorer:
    """A score of held-out runs for ``scoring=`` of ``cross_validate``, searches and the like.

    scikit-learn's own scorers (``scoring="r2"``) compare rows of ``y``, which runs do not have.

    Parameters
    ----------
    score : {"r2", "r"}
        Mean over targets and runs, drift and confounds taken out of both series; ``"r2"`` of all
        regions is what ``score`` of the estimators gives.
    region : str, optional
        The only region to be scored. Default: all.

    Raises
    ------
    UsageError
        If there is no such score or region.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_validate
    >>> from drmbids import Events, GLMBaseline, Run, RunScorer, Stream
    >>> rng = np.random.default_rng(0)
    >>> runs = [Run({"V1": Stream(rng.normal(size=(40, 5)), 2.0 * np.arange(40))},
    ...             {"events": Events([4.0, 30.0], [10.0, 10.0], ["face", "house"])}, tr=2.0)
    ...         for _ in range(3)]
    >>> scoring = {"r": RunScorer("r"), "r2": RunScorer("r2"), "V1": RunScorer("r", "V1")}
    >>> found = cross_validate(GLMBaseline(), runs, cv=3, scoring=scoring)
    >>> sorted(found)[2:], bool((found["test_r"] == found["test_V1"]).all())
    (['test_V1', 'test_r', 'test_r2'], True)
    """

    score: Score = "r2"
    region: str | None = None

    def __post_init__(self) -> None:
        if self.score not in get_args(Score):
            raise UsageError(f"score must be one of {get_args(Score)}, got {self.score!r}")

    def __call__(self, estimator: Any, X: Sequence[Run], y: None = None) -> float:
        """Return the score.

        Parameters
        ----------
        estimator : estimator
            Fitted to runs; also a search or a pipeline.
        X : sequence of Run
            With their responses.
        y : None

        Raises
        ------
        UsageError
            If ``X`` holds no runs, ``y`` is given, or the estimator does not predict responses.
        """
        refuse_y(y)
        runs, fitted = as_runs(X), fitted_estimator(estimator)
        if runs is None or not hasattr(fitted, "readouts_"):
            raise UsageError("RunScorer needs runs, and an estimator that predicts their responses")
        return mean_score(
            fitted, fitted._matched(runs), estimator.predict(runs), self.score, self.region
        )
