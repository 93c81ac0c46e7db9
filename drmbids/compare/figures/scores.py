"""Figures of scores, from the results of a comparison."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.fold_scores import fold_scores
from drmbids.compare.drawing.pair_differences import pair_differences
from drmbids.compare.drawing.score_histogram import score_histogram
from drmbids.compare.drawing.score_scatter import score_scatter
from drmbids.compare.drawing.variance_parts import variance_parts
from drmbids.compare.figures.words import SIGNS, check_models, score_label
from drmbids.compare.statistics.ceiling import ceiling_of
from drmbids.compare.statistics.pairs import compare_pairs
from drmbids.compare.statistics.summary import fold_medians
from drmbids.data.runs.results import Results


def plot_scores(results: Results, score: str = "r", baseline: str | None = None) -> Figure:
    """Draw the score of each model and region, a dot for each fold.

    Parameters
    ----------
    results : Results
        Of :func:`~drmbids.compare_models`.
    score : {"r", "r2", "log_likelihood"}
        The median over the targets of a region is drawn.
    baseline : str, optional
        Model drawn in grey.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If the results lack the score or the model.

    Examples
    --------
    >>> from drmbids.plotting import plot_scores
    >>> rows = [(m, f, "V1", t, 0.1, 0.01) for m in ("glm", "drm") for f in "12" for t in (0, 1)]
    >>> columns = ["model", "fold", "region", "target", "r", "r2"]
    >>> figure = plot_scores(Results(pd.DataFrame(rows, columns=columns)), baseline="glm")
    >>> figure.axes[0].get_xlabel()
    'Median over targets of r of held-out series'
    """
    check_models(results, baseline)
    label = f"Median over targets of {score_label(results, score)}"
    return fold_scores(fold_medians(results), baseline, score, label)


def plot_score_histogram(
    results: Results,
    score: Literal["r", "r2"] = "r",
    baseline: str | None = None,
    ceiling: pd.DataFrame | None = None,
) -> Figure:
    """Draw the distribution of a score over targets, for each model.

    Parameters
    ----------
    results : Results
    score : {"r", "r2"}
        Its mean over folds.
    baseline : str, optional
        Model drawn in grey.
    ceiling : DataFrame, optional
        Of :func:`~drmbids.noise_ceiling`, drawn dotted.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If the results lack the score or the model.

    Examples
    --------
    >>> from drmbids.plotting import plot_score_histogram
    >>> rows = [("drm", "run-1", "V1", t, 0.1 * t, 0.01) for t in range(5)]
    >>> columns = ["model", "fold", "region", "target", "r", "r2"]
    >>> figure = plot_score_histogram(Results(pd.DataFrame(rows, columns=columns)))
    >>> figure.axes[0].get_ylabel()
    'Targets (n = 5)'
    """
    check_models(results, baseline)
    label = score_label(results, score)
    limit = ceiling_of(ceiling, score)
    return score_histogram(results.per_target(), baseline, score, label, limit)


def plot_score_scatter(
    results: Results, model: str, baseline: str, score: Literal["r", "r2"] = "r"
) -> Figure:
    """Draw the score of a model against that of another, a dot for each target.

    Parameters
    ----------
    results : Results
    model, baseline : str
        On the vertical and the horizontal axis.
    score : {"r", "r2"}
        Its mean over folds.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If the results lack the score or a model.

    Examples
    --------
    >>> from drmbids.plotting import plot_score_scatter
    >>> models = {"glm": 0.1, "drm": 0.2}.items()
    >>> rows = [(m, "run-1", "V1", t, r, 0.0) for m, r in models for t in (0, 1)]
    >>> columns = ["model", "fold", "region", "target", "r", "r2"]
    >>> figure = plot_score_scatter(Results(pd.DataFrame(rows, columns=columns)), "drm", "glm")
    >>> figure.axes[0].get_title(loc="left")
    'drm higher in 2 of 2 targets'
    """
    check_models(results, model, baseline)
    score_label(results, score)  # raises where the score is not there
    return score_scatter(results.per_target(), baseline, model, score, SIGNS[score])


def plot_pairs(
    results: Results,
    models: Sequence[str] | None = None,
    score: Literal["r", "r2"] = "r",
    n_parameters: Mapping[str, int] | None = None,
) -> Figure:
    """Draw how every two models differ in each region, with 95 % intervals.

    Parameters
    ----------
    results : Results
    models, score, n_parameters
        As in :func:`~drmbids.compare_pairs`.

    Returns
    -------
    Figure
        Grey bands are differences too small to be named.

    Raises
    ------
    UsageError
        If there are fewer than two models.

    Examples
    --------
    >>> from drmbids.plotting import plot_pairs
    >>> rows = [(m, f, "V1", 0, s + 0.01 * f, 0.0) for m, s in (("forward", 0.1), ("loop", 0.2))
    ...         for f in range(3)]
    >>> columns = ["model", "fold", "region", "target", "r", "r2"]
    >>> axes = plot_pairs(Results(pd.DataFrame(rows, columns=columns))).axes[0]
    >>> [text.get_text() for text in axes.get_yticklabels()]
    ['loop - forward, V1']
    """
    label = score_label(results, score)
    return pair_differences(compare_pairs(results, models, n_parameters, score), label)


def plot_variance_parts(parts: pd.DataFrame) -> Figure:
    """Draw what feature spaces explain alone and together.

    Parameters
    ----------
    parts : DataFrame
        Of :func:`~drmbids.partition_variance` or :func:`~drmbids.partition_conditions`.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from drmbids.plotting import plot_variance_parts
    >>> rows = [("sound", 1, "A1", 0, 0.1), ("words", 1, "A1", 0, 0.2)]
    >>> columns = ["part", "n_spaces", "region", "target", "r2"]
    >>> plot_variance_parts(pd.DataFrame(rows, columns=columns)).axes[0].get_title(loc="left")
    'A1 (1 targets)'
    """
    return variance_parts(parts)
