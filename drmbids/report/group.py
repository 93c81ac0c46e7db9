"""The report over participants."""

from functools import partial
from pathlib import Path

import pandas as pd

from drmbids import __version__
from drmbids.core.exceptions import DataError
from drmbids.core.files import write_text
from drmbids.plotting.group_scores import group_scores
from drmbids.report.folder import Analysis, entities_of, find_analyses
from drmbids.report.group_tables import ALL_REGIONS, group_differences, participant_scores
from drmbids.report.page import Section, render, section
from drmbids.report.run_sections import fill_methods
from drmbids.report.svg import FigureFolder


def write_group_report(out_dir: str | Path) -> Path:
    """Write the report over all participants of a derivative dataset, and its tables.

    Parameters
    ----------
    out_dir : str or Path
        Derivative dataset with at least one participant that has scores.

    Returns
    -------
    Path
        ``group.html``; beside it ``group/desc-scores_participants.tsv`` (one row for each
        participant, analysis, model and region) and ``group/desc-paired_participants.tsv``
        (differences with the baseline over participants).

    Raises
    ------
    DataError
        If no participant has scores.
    """
    out_dir = Path(out_dir)
    folders = sorted(path for path in out_dir.glob("sub-*") if path.is_dir())
    analyses = [analysis for folder in folders for analysis in find_analyses(folder)]
    scored = [a for a in analyses if a.table_path("desc-scores_timeseries")]
    if not scored:
        raise DataError(
            f"{out_dir}: no sub-*/func/*_desc-scores_timeseries.tsv; "
            "run the participant level first"
        )
    scores = pd.concat([_scores_of(a) for a in scored], ignore_index=True)
    baselines = list(dict.fromkeys(a.baseline for a in scored if a.baseline))
    baseline = baselines[0] if len(baselines) == 1 else None
    _write_table(scores, out_dir / "group" / "desc-scores_participants.tsv")
    differences = group_differences(scores, baseline) if baseline else pd.DataFrame()
    if baseline:
        _write_table(differences, out_dir / "group" / "desc-paired_participants.tsv")
    figures = FigureFolder(out_dir, "group/figures")
    lacking = sorted(f.name for f in folders if f.name not in {a.folder.name for a in scored})
    fill = partial(_fill_participants, scores=scores, lacking=lacking, out_dir=out_dir)
    drawn = partial(
        _fill_scores, scores=scores, baseline=baseline, differences=differences, figures=figures
    )
    sections = [
        section("Participants", "participants", fill),
        section("Scores", "scores", drawn),
        section("Methods", "methods", partial(fill_methods, analyses=scored[:1])),
    ]
    n = scores["participant_id"].nunique()
    page = render(
        "page.html.j2",
        title="Group · drmbids",
        heading="Group",
        subtitle=f"{n} participant{'' if n == 1 else 's'}",
        chapters=[{"title": "", "sections": sections}],
        version=__version__,
    )
    path = out_dir / "group.html"
    write_text(path, page)
    return path


def _scores_of(analysis: Analysis) -> pd.DataFrame:
    """Return the scores of one analysis; its name is its stem without the participant."""
    table = analysis.table("desc-scores_timeseries")
    if table is None:
        raise DataError(f"{analysis.stem}: the table of scores has gone; run the analysis again")
    entities = entities_of(analysis.stem)
    participant = entities.pop("sub", "n/a")
    name = "_".join(f"{k}-{v}" for k, v in entities.items()) or "all"
    scores = participant_scores(table)
    scores.insert(0, "participant_id", f"sub-{participant}")
    scores.insert(1, "analysis", name)
    return scores


def _write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a BIDS table."""
    write_text(path, table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n"))


def _fill_participants(
    section: Section, scores: pd.DataFrame, lacking: list[str], out_dir: Path
) -> None:
    """Who is in, who is not, and where the reports are."""
    participants = list(scores["participant_id"].unique())
    if lacking:
        section.messages(
            [f"{name}: no scores were saved, not included" for name in lacking], "warning"
        )
    links = {name: f"{name}.html" for name in participants}
    there = {name: address for name, address in links.items() if (out_dir / address).is_file()}
    if there:
        section.links(there)
    if len(there) < len(links):
        rest = ", ".join(name for name in links if name not in there)
        section.note(f"Included, without a report of their own: {rest}.")


def _fill_scores(
    section: Section,
    scores: pd.DataFrame,
    baseline: str | None,
    differences: pd.DataFrame,
    figures: FigureFolder,
) -> None:
    """Figures and tables of each analysis."""
    n = scores["participant_id"].nunique()
    if n == 1:
        section.note(
            "There is one participant, so nothing can be said about a population: differences are "
            "given without an interval."
        )
    if baseline is None:
        section.note("The participants do not share a baseline, so no differences are given.")
    for analysis, rows in scores.groupby("analysis", sort=False):
        whole = _over_regions(rows)
        figure = group_scores(whole, baseline, label="median r over voxels")
        content, file = figures.save(figure, f"{analysis}_desc-scores_bold")
        section.figure(content, f"{analysis}: each line is a participant, bars are medians.", file)
    if len(differences):
        section.table(
            differences,
            f"Median r of each model minus that of {baseline}, paired within participants; "
            "95 % interval of the mean (Student).",
        )
    section.table(scores, "Scores of each participant.", folded=len(scores) > 25)


def _over_regions(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows over all regions, or those of the only region, of each participant."""
    several = rows.groupby("participant_id")["region"].transform("nunique") > 1
    return rows[(rows["region"] == ALL_REGIONS) | ~several]
