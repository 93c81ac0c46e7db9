"""The figures of a comparison."""

from collections.abc import Collection, Mapping

from matplotlib.figure import Figure

from drmbids.compare.drawing.fold_scores import fold_scores
from drmbids.compare.drawing.score_histogram import score_histogram
from drmbids.compare.drawing.score_scatter import score_scatter
from drmbids.compare.drawing.variance_parts import variance_parts
from drmbids.compare.statistics.ceiling import ceiling_of
from drmbids.compare.statistics.overview import ComparisonStatistics
from drmbids.compare.statistics.partition import partition_variance
from drmbids.compare.statistics.summary import fold_medians

_SIGNS = {"r": "r", "r2": "R²"}


def comparison_figures(
    statistics: ComparisonStatistics,
    baseline: str | None = None,
    score: str = "r",
    spaces: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Figure]:
    """Return the figures of a comparison, by name.

    Parameters
    ----------
    statistics : ComparisonStatistics
        Of :func:`~drmbids.comparison_statistics`.
    baseline : str, optional
        Model that the others are compared with, drawn in grey.
    score : {"r", "r2"}
        Score to draw.
    spaces : mapping of str to collection of str, optional
        Feature spaces of each model, as in :func:`~drmbids.partition_variance`; their parts are
        drawn where given.

    Returns
    -------
    dict of str to Figure
        ``folds`` (median over targets of each model, region and fold), ``histogram`` (over
        targets, with the noise ceiling where there is one), ``<model>scatter`` (against the
        baseline, target by target), ``parts`` (of the variance).

    Raises
    ------
    UsageError
        If no part follows from the spaces.

    Examples
    --------
    >>> import pandas as pd
    >>> from drmbids import Results, summarise_results
    >>> rows = [(m, f, "V1", t, 0.1, 0.01) for m in ("glm", "drm") for f in "12" for t in (0, 1)]
    >>> columns = ["model", "fold", "region", "target", "r", "r2"]
    >>> results = Results(pd.DataFrame(rows, columns=columns))
    >>> found = ComparisonStatistics(results, summarise_results(results))
    >>> list(comparison_figures(found, "glm"))
    ['folds', 'histogram', 'drmscatter']
    """
    results, label = statistics.results, f"{_SIGNS[score]} of held-out series"
    targets = results.per_target()
    folds = fold_medians(results)
    figures = {
        "folds": fold_scores(folds, baseline, score, f"Median over targets of {label}"),
        "histogram": score_histogram(
            targets, baseline, score, label, ceiling_of(statistics.ceiling, score)
        ),
    }
    if baseline is not None:
        for model in targets["model"].unique():
            if model != baseline:
                figure = score_scatter(targets, baseline, model, score, _SIGNS[score])
                figures[f"{model}scatter"] = figure
    if spaces is not None:
        figures["parts"] = variance_parts(partition_variance(results, spaces))
    return figures
