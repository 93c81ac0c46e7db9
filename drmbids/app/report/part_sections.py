"""Sections on parts of the explained variance and on intervals of parameters."""

from collections.abc import Mapping

import pandas as pd

from drmbids.app.report.folder import Analysis
from drmbids.app.report.page import Section
from drmbids.app.report.svg import FigureFolder
from drmbids.compare.drawing.parameter_intervals import parameter_intervals
from drmbids.compare.drawing.variance_parts import variance_parts

_MEASURES = {
    "unique": "what is lost in R² without a space (unique), and what spaces share "
    "(hatched); parts can be negative, where a space only adds noise",
    "product": "what each space adds to the prediction of the whole model (product measure), "
    "nothing fitted again; the shares add up to its R²",
}
# More participants than this cannot be told apart by colour.
_MOST_PARTICIPANTS = 8


def fill_parts(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Parts of the explained variance of each model."""
    table = analysis.table("desc-parts_scores")
    if table is None or table.empty:
        section.missing = "No part of the variance was saved."
        return
    _draw(section, table, figures, analysis.stem, "targets", analysis.where)
    keys = ["model", "measure", "part", "region"]
    means = table.groupby(keys, sort=False)["r2"].agg(["mean", "median"]).reset_index()
    wide = means.rename(columns={"mean": "r2_mean", "median": "r2_median"})
    section.table(wide, f"Parts of R² {analysis.where}, over voxels.", folded=len(wide) > 25)


def _draw(
    section: Section, table: pd.DataFrame, figures: FigureFolder, stem: str, unit: str, where: str
) -> None:
    """Add a figure for each model and measure."""
    for (model, measure), rows in table.groupby(["model", "measure"], sort=False):
        figure = variance_parts(rows, unit)
        content, file = figures.save(figure, f"{stem}_desc-{model}{measure}parts_bold")
        text = _MEASURES.get(str(measure), str(measure))
        if model in set(rows["part"]):
            text += f"; {model} is what this model alone has, of those compared"
        section.figure(content, f"R² of {model} {where}: {text}.", file)


def fill_intervals(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Physical parameters with their intervals."""
    for model, table in analysis.model_tables("intervals").items():
        figure = parameter_intervals(table)
        content, file = figures.save(figure, f"{analysis.stem}_desc-{model}intervals_bold")
        section.figure(content, f"{_of(table)} of the parameters of {model}.", file)
        columns = ["node", "parameter", "index", "value", "low", "high", "unit"]
        section.table(
            table[[name for name in columns if name in table]],
            f"The same, with everything else that is trained free: weights, other parameters, maps "
            f"to voxels. They say how far estimates of {model} would move with other data of this "
            "participant, if the model is right.",
            folded=len(table) > 25,
        )
    if not section.blocks:
        section.missing = "No interval was saved."


def _of(table: pd.DataFrame) -> str:
    """Return what kind of intervals a table holds."""
    level, method = float(table["level"].iloc[0]), str(table["method"].iloc[0])
    return f"{100 * level:g} % intervals ({method})"


def fill_group_parts(
    section: Section, tables: Mapping[str, pd.DataFrame], figures: FigureFolder, where: str
) -> None:
    """Parts of the explained variance over participants."""
    table = tables["parts"]
    if table.empty:
        section.missing = "No participant has parts of the variance (--variance-parts)."
        return
    for analysis, rows in table.groupby("analysis", sort=False):
        numbers = pd.factorize(rows["participant_id"])[0]
        _draw(section, rows.assign(target=numbers), figures, str(analysis), "participants", where)
    keys = ["analysis", "model", "measure", "part", "region"]
    groups = table.groupby(keys, sort=False)["r2"]
    over = groups.agg(
        n_participants="size", r2_mean="mean", sd="std", n_positive=lambda x: int((x > 0).sum())
    ).reset_index()
    section.table(
        over.drop(columns="analysis") if over["analysis"].nunique() == 1 else over,
        f"Parts of R² {where}, the mean over voxels of each participant, over participants.",
        folded=len(over) > 25,
    )


def fill_group_intervals(
    section: Section, tables: Mapping[str, pd.DataFrame], figures: FigureFolder
) -> None:
    """Physical parameters of all participants."""
    table = tables["intervals"]
    if table.empty:
        section.missing = "No participant has intervals of parameters (--intervals)."
        return
    for (analysis, model), rows in table.groupby(["analysis", "model"], sort=False):
        kind = _of(rows)
        if rows["participant_id"].nunique() > _MOST_PARTICIPANTS:
            kind = f"{kind} of the first {_MOST_PARTICIPANTS} participants"
        first = rows["participant_id"].unique()[:_MOST_PARTICIPANTS]
        shown = rows[rows["participant_id"].isin(first)]
        figure = parameter_intervals(shown.assign(method=shown["participant_id"]))
        content, file = figures.save(figure, f"{analysis}_desc-{model}intervals_bold")
        section.figure(content, f"{analysis}: {kind}, parameters of {model}, a colour each.", file)
    keys = ["analysis", "model", "node", "parameter", "index", "unit"]
    over = table.groupby(keys, sort=False, dropna=False)["value"].agg(
        n_participants="size", median="median", sd="std"
    )
    over = over.reset_index()
    section.table(
        over.drop(columns="analysis") if over["analysis"].nunique() == 1 else over,
        "Estimates over participants. Their spread holds true differences and the error of each "
        "estimate, which its interval shows.",
        folded=len(over) > 25,
    )
