"""The report over participants."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from drmbids import __version__
from drmbids.app.report.folder import Analysis, find_analyses
from drmbids.app.report.group_analyses import name_analyses, participant_of, told_differences
from drmbids.app.report.group_pairs import group_pairs, pair_headlines
from drmbids.app.report.group_sections import fill_differences, fill_scores, fill_selection
from drmbids.app.report.group_tables import model_selection, participant_pairs, participant_scores
from drmbids.app.report.headline import group_headlines
from drmbids.app.report.held_out_words import CAVEAT, scored_where, scored_where_of_all
from drmbids.app.report.page import Section, render, section
from drmbids.app.report.pair_sections import fill_group_pairs
from drmbids.app.report.part_sections import fill_group_intervals, fill_group_parts
from drmbids.app.report.run_sections import fill_methods
from drmbids.app.report.statistics_text import group_text
from drmbids.app.report.svg import FigureFolder
from drmbids.compare.statistics.mixed import summarise_differences
from drmbids.compare.timing.text import timing_finding
from drmbids.data.storage.files import write_text
from drmbids.data.tools.exceptions import DataError, DataWarning


def write_group_report(out_dir: str | Path, participants: Sequence[str] = ()) -> Path:
    """Write the report over all participants of a derivative dataset, and its tables.

    Parameters
    ----------
    out_dir : str or Path
        Derivative dataset with at least one participant that has scores.
    participants : sequence of str
        Labels, without ``sub-``, of those to include; all when empty.

    Returns
    -------
    Path
        ``group.html``; beside it, in ``group/``, ``desc-scores_participants.tsv`` (one row for each
        participant, analysis, model and region), ``desc-differences_participants.tsv`` (each
        participant's differences with the baseline), ``desc-paired_participants.tsv`` (what these
        say of the population) and, for two participants or more with log-likelihoods,
        ``desc-selection_participants.tsv`` (how frequent each model is); where participants have
        them, ``desc-parts_participants.tsv`` and ``desc-intervals_participants.tsv`` (parts of
        the variance, parameters with intervals).

    Raises
    ------
    DataError
        If no participant has scores, or a region is called like all of them together.

    Warns
    -----
    DataWarning
        Where participants of one analysis differ in sessions, runs, models or regions, or some have
        no such analysis.
    """
    out_dir = Path(out_dir)
    folders, scored = _find_scored(out_dir, participants)
    names = name_analyses(scored)
    scores = pd.concat([_scores_of(a, name) for a, name in names.items()], ignore_index=True)
    told = told_differences(names, scores)
    for text in told:
        warnings.warn(text, DataWarning, stacklevel=2)
    baselines = list(dict.fromkeys(a.baseline for a in scored if a.baseline))
    baseline = baselines[0] if len(baselines) == 1 else None
    free = next((a.free_hrf for a in scored if a.free_hrf), None)
    differences = _differences(names, baseline, free)
    paired = summarise_differences(differences) if len(differences) else pd.DataFrame()
    tables = {
        "scores": scores,
        "differences": differences,
        "paired": paired,
        "selection": _selection(scores),
        "parts": _gathered([_parts_of(a, name) for a, name in names.items()]),
        "intervals": _gathered([_intervals_of(a, name) for a, name in names.items()]),
    }
    for name, table in tables.items():
        path = out_dir / "group" / f"desc-{name}_participants.tsv"
        for earlier in (path, path.with_suffix(".json")):
            earlier.unlink(missing_ok=True)
        if len(table):
            _write_table(table, path)
    tables["pairs"] = pairs = group_pairs(paired, scores, names)
    failed = _told_of_failures(scored)
    figures = FigureFolder(out_dir, "group/figures")
    lacking = sorted(f.name for f in folders if f.name not in {a.folder.name for a in scored})
    lacking = [f"{name}: no scores were saved, not included" for name in lacking] + failed
    fill = partial(_fill_participants, scores=scores, lacking=lacking, told=told, out_dir=out_dir)
    where = scored_where_of_all(scores["held_out"])
    drawn = {"tables": tables, "figures": figures, "where": where}
    sections = [
        section("Participants", "participants", fill),
        *_pairs_of_models(tables, drawn),
        section("Scores", "scores", partial(fill_scores, baseline=baseline, **drawn)),
        section("Differences", "differences", partial(fill_differences, **drawn)),
        section("Model frequencies", "selection", partial(fill_selection, **drawn)),
        *_asked_for(tables, drawn),
        section("Methods", "methods", partial(_fill_methods, scored=scored, tables=tables)),
    ]
    n = scores["participant_id"].nunique()
    page = render(
        "page.html.j2",
        title="Group · drmbids",
        heading="Group",
        subtitle=f"{n} participant{'' if n == 1 else 's'}, scored {where}",
        lead=[*pair_headlines(pairs, names), *_lead(scored, paired, free)],
        chapters=[{"title": "", "sections": sections}],
        version=__version__,
    )
    path = out_dir / "group.html"
    write_text(path, page)
    return path


def _find_scored(out_dir: Path, participants: Sequence[str]) -> tuple[list[Path], list[Analysis]]:
    """Return the folders of participants, and their analyses that have scores."""
    wanted = {f"sub-{label}" for label in participants}
    there = sorted(path for path in out_dir.glob("sub-*") if path.is_dir())
    folders = [path for path in there if not wanted or path.name in wanted]
    analyses = [analysis for folder in folders for analysis in find_analyses(folder)]
    scored = [a for a in analyses if a.table_path("desc-scores_timeseries")]
    if not scored:
        raise DataError(
            f"{out_dir}: no sub-*/func/*_desc-scores_timeseries.tsv"
            f"{' of ' + ', '.join(sorted(wanted)) if wanted else ''}; "
            "run the participant level first"
        )
    return folders, scored


def _lead(scored: Sequence[Analysis], paired: pd.DataFrame, free: str | None) -> list[str]:
    """Return which linear models each model beats, and in whom that may not be fair."""
    fitted = dict.fromkeys(str(m["name"]) for a in scored for m in a.inputs.get("fitted", ()))
    in_sample = any(a.held_out == "none" for a in scored)
    several = len(paired) > 0 and paired["analysis"].nunique() > 1
    found = group_headlines(paired, list(fitted), free, several, in_sample)
    for analysis in scored:
        table = analysis.table("desc-timing_scores")
        finding = None if table is None else timing_finding(table)
        if finding is not None:
            found.append(f"Timing, {analysis.stem}: {finding}.")
    return found


def _scores_of(analysis: Analysis, name: str) -> pd.DataFrame:
    """Return the scores of one analysis."""
    table, failed = participant_scores(_read_scores(analysis)), _failed_fits(analysis)
    if failed:
        folds = pd.Series({m: ", ".join(f["fold"] for f in fits) for m, fits in failed.items()})
        table["failed_fits"] = table["model"].map(folds)
    table = _named(analysis, name, table)
    table.insert(2, "held_out", analysis.held_out)
    return table


def _told_of_failures(analyses: Sequence[Analysis]) -> list[str]:
    """Warn of the fits of participants that failed, and return the lines."""
    lines = [
        f"{a.stem}: fits of {model} failed ({', '.join(f['fold'] for f in fits)}); its scores are "
        "over its other folds"
        for a in analyses
        for model, fits in _failed_fits(a).items()
    ]
    for line in lines:
        warnings.warn(line, DataWarning, stacklevel=3)
    return lines


def _failed_fits(analysis: Analysis) -> dict[str, list[Mapping[str, str]]]:
    """Return the fits that failed, by model."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for fit in analysis.inputs.get("failed_fits", ()):
        found.setdefault(str(fit["model"]), []).append(fit)
    return found


def _differences(
    names: Mapping[Analysis, str], baseline: str | None, free: str | None
) -> pd.DataFrame:
    """Return each participant's differences with linear models, and between those given."""
    linear = [model for model in (baseline, free) if model and baseline]
    pairs = [_pairs_of(a, name, model) for model in linear for a, name in names.items()]
    # the difference between the two linear models is there once
    pairs = [table[table["model"] != baseline] for table in pairs if len(table)]
    given = list(dict.fromkeys(model for analysis in names for model in analysis.hypotheses))
    for k, model in enumerate(given[:-1]):  # in one order for all, so that each pair is there once
        tables = [_pairs_of(a, name, model) for a, name in names.items() if model in a.hypotheses]
        pairs += [table[table["model"].isin(given[k + 1 :])] for table in tables if len(table)]
    return _gathered(pairs)


def _pairs_of(analysis: Analysis, name: str, baseline: str) -> pd.DataFrame:
    """Return the differences with the baseline of one analysis."""
    ratio = analysis.inputs.get("cross_validation", {}).get("test_train_ratio")
    table = _named(analysis, name, participant_pairs(_read_scores(analysis), baseline, ratio))
    table.insert(2, "held_out", analysis.held_out)
    return table


def _selection(scores: pd.DataFrame) -> pd.DataFrame:
    """Return how frequent each model is, among participants with held-out log-likelihoods."""
    held_out = scores[scores["held_out"] != "none"]
    return model_selection(held_out) if "log_likelihood" in held_out else pd.DataFrame()


def _parts_of(analysis: Analysis, name: str) -> pd.DataFrame:
    """Return the parts of the variance of one analysis, mean over voxels."""
    table = analysis.table("desc-parts_scores")
    if table is None:
        return pd.DataFrame()
    keys = ["model", "measure", "part", "n_spaces", "region"]
    return _named(analysis, name, table.groupby(keys, sort=False)["r2"].mean().reset_index())


def _intervals_of(analysis: Analysis, name: str) -> pd.DataFrame:
    """Return the parameters of the models of one analysis that have intervals."""
    tables = analysis.model_tables("intervals")
    parts = [table.assign(model=model) for model, table in tables.items()]
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    return _named(analysis, name, table[["model", *(c for c in table if c != "model")]])


def _gathered(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the tables that are not empty as one."""
    there = [table for table in tables if len(table)]
    return pd.concat(there, ignore_index=True) if there else pd.DataFrame()


def _pairs_of_models(tables: Mapping[str, pd.DataFrame], drawn: Mapping[str, Any]) -> list[Section]:
    """Return the section on models that were given against each other, where there are two."""
    if tables["pairs"].empty:
        return []
    fill = partial(fill_group_pairs, **drawn)
    return [section("Models against each other", "pairs", fill)]


def _asked_for(tables: Mapping[str, pd.DataFrame], drawn: Mapping[str, Any]) -> list[Section]:
    """Return the sections on what participants have only where it was asked for."""
    found = []
    if len(tables["parts"]):
        fill = partial(fill_group_parts, **drawn)
        found.append(section("Parts of the variance", "parts", fill))
    if len(tables["intervals"]):
        shown = {name: what for name, what in drawn.items() if name != "where"}
        fill = partial(fill_group_intervals, **shown)
        found.append(section("Intervals of parameters", "intervals", fill))
    return found


def _read_scores(analysis: Analysis) -> pd.DataFrame:
    """Return the score of each voxel and fold."""
    table = analysis.table("desc-scores_timeseries")
    if table is None:
        raise DataError(f"{analysis.stem}: the table of scores has gone; run the analysis again")
    return table


def _named(analysis: Analysis, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with participant and analysis."""
    table.insert(0, "participant_id", participant_of(analysis))
    table.insert(1, "analysis", name)
    return table


def _write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a BIDS table."""
    write_text(path, table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n"))


def _fill_participants(
    section: Section, scores: pd.DataFrame, lacking: list[str], told: list[str], out_dir: Path
) -> None:
    """Who is in, who or what is not, and where the reports are."""
    participants = list(scores["participant_id"].unique())
    if lacking:
        section.messages(lacking, "warning")
    if told:
        section.messages(told, "warning")
    by_kind = scores.drop_duplicates(["participant_id", "analysis"]).groupby("held_out").size()
    if by_kind.get("none", 0):
        section.messages([CAVEAT], "warning")
    if len(by_kind) > 1:
        counts = ", ".join(f"{n} {scored_where(str(kind))}" for kind, n in by_kind.items())
        section.messages(
            [
                f"Analyses were scored differently: {counts}. Scores are comparable within a "
                "participant; choose one --cv for all to compare participants."
            ],
            "warning",
        )
    links = {name: f"{name}.html" for name in participants}
    there = {name: address for name, address in links.items() if (out_dir / address).is_file()}
    if there:
        section.links(there)
    if len(there) < len(links):
        rest = ", ".join(name for name in links if name not in there)
        section.note(f"Included, without a report of their own: {rest}.")


def _fill_methods(
    section: Section, scored: Sequence[Analysis], tables: Mapping[str, pd.DataFrame]
) -> None:
    """The text for a paper: of one participant, and of the inference over all."""
    fill_methods(section, scored[:1])
    section.note("Over participants:")
    section.prose(group_text(tables["paired"], tables["selection"]))
