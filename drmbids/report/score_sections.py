"""Sections on how well the models predict held-out runs."""

import numpy as np
import pandas as pd

from drmbids.core.exceptions import DataError
from drmbids.core.results import Results
from drmbids.plotting.score_histogram import score_histogram
from drmbids.plotting.score_map import color_limits, score_map
from drmbids.plotting.score_scatter import score_scatter
from drmbids.plotting.series import series
from drmbids.report.folder import Analysis
from drmbids.report.images import best_and_median_voxel, load_map, voxel_series
from drmbids.report.page import Section
from drmbids.report.svg import FigureFolder

_CORRELATION = "r of held-out series"


def fill_scores(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Summary, paired differences, and their distribution over targets."""
    summary, paired = analysis.table("desc-summary_scores"), analysis.table("desc-paired_scores")
    if summary is not None:
        section.table(
            summary,
            "Correlation (r) and explained variance (R²) of measured and predicted series in "
            "held-out runs: mean over folds for each voxel, then over voxels.",
        )
    if paired is not None:
        section.table(
            paired.drop(columns=["baseline", "n_folds"], errors="ignore"),
            f"Paired differences with the baseline ({analysis.baseline}): over voxels (median, "
            "mean, share better) and over folds (mean and standard error of their medians, "
            "corrected resampled t-test).",
        )
    table = analysis.table("desc-scores_timeseries")
    if table is None:
        if not section.blocks:
            section.missing = "No score was saved: no model was tested on a held-out run."
        return
    targets, stem = Results(table).per_target(), analysis.stem
    figure = score_histogram(targets, analysis.baseline, label=_CORRELATION)
    content, file = figures.save(figure, f"{stem}_desc-histogram_bold")
    section.figure(content, "Scores over voxels; dashed lines are medians.", file)
    models, baseline = list(targets["model"].unique()), analysis.baseline
    if baseline is None or baseline not in models:
        return
    for model in (model for model in models if model != baseline):
        figure = score_scatter(targets, baseline, model, label="r")
        content, file = figures.save(figure, f"{stem}_desc-{model}scatter_bold")
        section.figure(content, f"{model} against {baseline}, voxel by voxel.", file)


def fill_maps(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Scores in space, and their difference with the baseline."""
    paths = {m: analysis.score_map_path(m) for m in analysis.models}
    maps = {model: load_map(path) for model, path in paths.items() if path}
    if not maps:
        section.missing = "No map of scores was saved."
        return
    finite = np.concatenate([volume[np.isfinite(volume)] for volume, _ in maps.values()])
    limits = color_limits(finite) if finite.size else None
    for model, (volume, size) in maps.items():
        figure = score_map(volume, size, label="r", limits=limits)
        content, file = figures.save(figure, f"{analysis.stem}_stat-r_desc-{model}_statmap")
        caption = f"r of {model} in held-out runs, one colour scale for all models."
        section.figure(content, f"{caption} The subject's left is on the left.", file)
    baseline = analysis.baseline
    for model, (volume, size) in maps.items():
        if baseline not in maps or model == baseline:
            continue
        if maps[baseline][0].shape != volume.shape:
            raise DataError(f"the maps of {model} and {baseline} have different shapes")
        label = f"r of {model} - r of {baseline}"
        figure = score_map(volume - maps[baseline][0], size, label=label, diverging=True)
        name = f"{analysis.stem}_stat-rdifference_desc-{model}_statmap"
        content, file = figures.save(figure, name)
        section.figure(content, f"Where {model} (red) and where {baseline} (blue) is better.", file)


def fill_series(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Measured and predicted series of the best and the median voxel in one run."""
    runs = analysis.series_paths()
    model = _leading_model(analysis)
    path = analysis.score_map_path(model) if model else None
    if not runs or path is None:
        section.missing = "No predicted series or no map of scores was saved."
        return
    run = next(iter(runs))
    for name, (voxel, score) in best_and_median_voxel(path).items():
        shown = voxel_series(analysis, run, voxel, _tr(analysis))
        place = ", ".join(map(str, voxel))
        title = f"{name} ({place}), mean r of {model} over folds {score:.3g}"
        figure = series(shown.times, shown.measured, shown.predicted, title, analysis.baseline)
        kind = "best" if name.startswith("Best") else "median"
        content, file = figures.save(figure, f"{analysis.stem}_desc-{kind}voxel_bold")
        caption = (
            f"{name} of {model} in {run}, held out of the fit; intercept, drift and confounds are "
            "taken out of all series."
        )
        section.figure(content, caption, file)


def _leading_model(analysis: Analysis) -> str | None:
    """Return the first model that is not the baseline and has a map, or else any that has one."""
    ordered = sorted(analysis.models, key=lambda model: model == analysis.baseline)
    return next((model for model in ordered if analysis.score_map_path(model)), None)


def _tr(analysis: Analysis) -> float | None:
    """Return the repetition time that all runs share, or None."""
    found = pd.Series([run.get("tr") for run in analysis.inputs.get("runs", [])], dtype=float)
    return float(found.iloc[0]) if len(found) and found.nunique() == 1 else None
