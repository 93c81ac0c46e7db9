"""Sections on how well the models predict what was held out."""

import numpy as np
import pandas as pd

from drmbids.app.report.folder import Analysis
from drmbids.app.report.held_out_words import CAVEAT
from drmbids.app.report.images import best_and_median_voxel, load_map, voxel_series
from drmbids.app.report.page import Section
from drmbids.app.report.surface_sections import fill_surface_maps
from drmbids.app.report.svg import FigureFolder
from drmbids.compare.drawing.fold_scores import fold_scores
from drmbids.compare.drawing.score_histogram import score_histogram
from drmbids.compare.drawing.score_map import color_limits, score_map
from drmbids.compare.drawing.score_scatter import score_scatter
from drmbids.compare.drawing.series import series
from drmbids.compare.statistics.ceiling import ceiling_of
from drmbids.compare.statistics.summary import fold_medians
from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import DataError

# Columns of the summary that belong together.
_SCORES = (
    *("n_targets", "n_folds", "n_folds_left_out", "r_median", "r_mean", "r_p95", "r_fold_sd"),
    *("r2_median", "r2_mean", "r2_p95"),
)
_CHANCE = ("n_targets", "n_above_chance_fwe", "n_above_chance_fdr", "p_fwe_min")
_CEILING = (
    *("r_median", "r_ceiling_median", "r_normalised_median"),
    *("r2_median", "explainable_variance_median", "split_half_median"),
)


def fill_scores(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Scores of each model and region, and their distribution over folds and voxels."""
    _say_in_sample(section, analysis)
    summary = analysis.table("desc-summary_scores")
    if summary is not None:
        section.table(
            _part(summary, _SCORES),
            "Correlation (r) and explained variance (R²) of measured and predicted series "
            f"{analysis.where}: mean over folds for each voxel, then median, mean and 95th "
            "percentile over voxels; SD of r: of the median over voxels, over folds. All rows are "
            "over the same folds; one is left out where some model has no score in it.",
        )
    table = analysis.table("desc-scores_timeseries")
    if table is None:
        if summary is None:
            section.missing = "No score was saved: no model was tested."
        return
    results, stem = Results(table), analysis.stem
    targets, baseline = results.per_target(), analysis.baseline
    figure = fold_scores(fold_medians(results), baseline, label=f"Median r {analysis.where}")
    content, file = figures.save(figure, f"{stem}_desc-folds_bold")
    section.figure(content, f"Median r over voxels {analysis.where}, fold by fold.", file)
    limit = ceiling_of(analysis.table("desc-ceiling_scores"))
    figure = score_histogram(targets, baseline, label=f"r {analysis.where}", ceiling=limit)
    content, file = figures.save(figure, f"{stem}_desc-histogram_bold")
    section.figure(content, f"Scores {analysis.where} over voxels; dashed lines are medians.", file)
    models = list(targets["model"].unique())
    for model in (m for m in models if m != baseline and baseline in models):
        figure = score_scatter(targets, str(baseline), model, label=f"r {analysis.where}")
        content, file = figures.save(figure, f"{stem}_desc-{model}scatter_bold")
        section.figure(
            content, f"{model} against {baseline} {analysis.where}, voxel by voxel.", file
        )


def fill_statistics(section: Section, analysis: Analysis) -> None:
    """Differences with the baseline, tests against chance, and noise ceilings."""
    _say_in_sample(section, analysis)
    paired, summary = analysis.table("desc-paired_scores"), analysis.table("desc-summary_scores")
    if paired is not None:
        section.table(
            paired.drop(columns=["n_targets", "n_folds"], errors="ignore").sort_values(
                "score", key=lambda s: s.map({"r": 0, "r2": 1}).fillna(2), kind="stable"
            ),
            f"Differences (model minus baseline) {analysis.where} on the same voxels and folds: "
            "over voxels (median, mean, share better) and over folds (mean and standard error of "
            "their medians; t and p after Nadeau and Bengio, 2003, who allow for folds sharing "
            f"training data). {_SPEAK_ABOUT.get(analysis.held_out, _SPEAK_ABOUT['run'])} "
            "Log-likelihood in nats for a voxel and fold.",
        )
        _note_no_better_than_the_mean(section, paired)
    recorded = analysis.inputs.get("statistics", {})
    if recorded.get("n_permutations") and summary is not None:
        section.table(
            _part(summary, _CHANCE),
            "Voxels predicted above chance (p below 0.05), corrected for all voxels of a model by "
            "the largest r (family-wise error) or for the false discovery rate: "
            f"{recorded['n_permutations']} random shifts of each run, or held-out block, against "
            "its prediction, which keep autocorrelation; the null is spread as folds that share "
            "training data ask for. Cautious where stimuli recur at a fixed period.",
        )
    elif recorded and analysis.held_out == "none":
        section.note("Scores in sample are not tested against chance: any model fits its own data.")
    elif recorded:
        section.note("No test against chance was asked for (--n-permutations 0).")
    if summary is not None and "r_ceiling_median" in summary:
        section.table(
            _part(summary, _CEILING),
            "Noise ceilings from runs that repeat a stimulus, medians over voxels: largest "
            "expected R² (explainable variance) and r on one run, largest expected R² on the "
            "mean of the repeats (split half)"
            + (
                ", and r with the signal that repeats share (normalised; 1 is all that can be "
                "predicted)."
                if "r_normalised_median" in summary
                else ". Scores are not normalised: repeats were not held out together."
            ),
        )
    elif recorded:
        section.note("No run repeats the stimuli of another one, so there is no noise ceiling.")
    if paired is None and not recorded and summary is None:
        section.missing = "No statistic was saved."


# What differences between models speak about, by what was held out.
_SPEAK_ABOUT = {
    "run": "They speak about new runs of this participant.",
    "session": "They speak about new sessions of this participant.",
    "blocks": "They speak about other scans of the same runs.",
    "stimulus": "They speak about new trial types in this participant.",
    "none": "In sample there is one fold, and so no standard error.",
}


def _say_in_sample(section: Section, analysis: Analysis) -> None:
    """Say, before anything else, that scores are in sample where they are."""
    if analysis.held_out == "none":
        section.messages([CAVEAT], "warning")


def _note_no_better_than_the_mean(section: Section, paired: pd.DataFrame) -> None:
    """Say so where a model predicts no better than the mean of the training runs."""
    if "baseline" not in paired or "fold_mean" not in paired:
        return
    shown = paired[(paired["baseline"] == "mean") & (paired["score"] == "r")]
    behind = shown.groupby("model", sort=False)["fold_mean"].max()
    names = [str(model) for model, best in behind.items() if best <= 0]
    if names:
        section.note(
            f"No better in r than the mean of the training runs, in any region: {', '.join(names)}."
            " The mean knows nothing of the stimuli, so what is predicted may be what all runs "
            "have in common."
        )


def _part(summary: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Return the columns of these that the table has."""
    return summary[[name for name in ("model", "region", *names) if name in summary]]


def fill_maps(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Scores in space, and their difference with the baseline."""
    _say_in_sample(section, analysis)
    paths = {m: analysis.score_map_path(m) for m in analysis.models}
    if not any(paths.values()):
        section.missing = "No map of scores was saved."
        return
    if not all(path.name.endswith(".nii.gz") for path in paths.values() if path):
        fill_surface_maps(section, analysis, figures)
        return
    maps = {model: load_map(path) for model, path in paths.items() if path}
    finite = np.concatenate([volume[np.isfinite(volume)] for volume, _ in maps.values()])
    limits = color_limits(finite) if finite.size else None
    for model, (volume, size) in maps.items():
        figure = score_map(volume, size, label=f"r {analysis.where}", limits=limits)
        content, file = figures.save(figure, f"{analysis.stem}_stat-r_desc-{model}_statmap")
        caption = f"r of {model} {analysis.where}, one colour scale for all models."
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
        section.figure(
            content,
            f"Where {model} (red) and where {baseline} (blue) is better {analysis.where}.",
            file,
        )


def fill_series(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Measured and predicted series of the best and the median voxel in one run."""
    _say_in_sample(section, analysis)
    runs = analysis.series_paths()
    model = _leading_model(analysis)
    path = analysis.score_map_path(model) if model else None
    if not runs or path is None:
        section.missing = "No predicted series or no map of scores was saved."
        return
    run = next(iter(runs))
    for name, (voxel, score) in best_and_median_voxel(path).items():
        shown = voxel_series(analysis, run, voxel)
        place = ", ".join(map(str, voxel))
        title = f"{name} ({place}), mean r of {model} over folds {score:.3g}"
        figure = series(shown.times, shown.measured, shown.predicted, title, analysis.baseline)
        kind = "".join(name.lower().split())
        content, file = figures.save(figure, f"{analysis.stem}_desc-{kind}_bold")
        caption = (
            f"{name} of {model} in {run}, {_SERIES.get(analysis.held_out, _SERIES['run'])}; "
            "intercept, drift and confounds are taken out of all series."
        )
        section.figure(content, caption, file)


# How a predicted series was had.
_SERIES = {
    "run": "held out of the fit",
    "session": "held out of the fit",
    "blocks": "each block predicted by the fit that it was held out of",
    "stimulus": "held out of the fit",
    "none": "in sample: fitted to this series",
}


def _leading_model(analysis: Analysis) -> str | None:
    """Return the first model of a model file that has a map, or else any, the baseline last."""
    fitted = [model["name"] for model in analysis.inputs.get("fitted", ())]
    ordered = sorted(analysis.models, key=lambda m: (m not in fitted, m == analysis.baseline))
    return next((model for model in ordered if analysis.score_map_path(model)), None)
