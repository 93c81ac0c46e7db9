"""Sections on what went in and how the run was made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from drmbids.app.report.folder import Analysis, latest_log
from drmbids.app.report.page import Section
from drmbids.app.report.svg import FigureFolder
from drmbids.compare.drawing.design import design

_LOG_LINES = 40


def fill_inputs(section: Section, analysis: Analysis) -> None:
    """Runs, files, conditions and regions."""
    inputs = analysis.inputs
    runs = inputs.get("runs", [])
    if not runs:
        section.missing = "No run was recorded: the analysis ended before its runs were loaded."
        return
    n_volumes = sum(int(run.get("n_volumes") or 0) for run in runs)
    section.facts(
        {
            "Runs": len(runs),
            "Volumes": n_volumes,
            "Regions": len(inputs.get("regions", {})),
            "Voxels": sum(inputs.get("regions", {}).values()),
            "Confounds": "yes" if any(run.get("confounds") for run in runs) else "none",
            "Models compared": ", ".join(_named(m, analysis.titles) for m in analysis.models)
            or "none",
        }
    )
    table = pd.DataFrame([_run_row(run) for run in runs])
    files = ["bold", "events", "time of the first volume"]
    section.table(table.drop(columns=files), "Runs.")
    section.table(table[files], "Files of the runs.", folded=True)
    section.table(_conditions(runs), "Conditions, over all runs.")
    if inputs.get("regions"):
        regions = pd.DataFrame(list(inputs["regions"].items()), columns=["region", "voxels"])
        section.table(regions, "Regions.", folded=len(regions) > 12)


def _named(model: str, titles: Mapping[str, str]) -> str:
    """Return the name of a model in tables, and that in its file where they differ."""
    title = titles.get(model, model)
    return model if title == model else f"{model} ({title})"


def _run_row(run: dict[str, Any]) -> dict[str, Any]:
    """Return the row of one run; file names without their folders, which repeat."""
    files = {k: Path(str(run[k])).name if run.get(k) else None for k in ("bold", "events")}
    confounds = run.get("confounds")
    if isinstance(confounds, str):
        confounds = Path(confounds).name
    elif isinstance(confounds, list):
        confounds = ", ".join(map(str, confounds)) or None
    told, _, sidecar = str(run.get("timing") or "").rpartition(" of ")
    return {
        "run": run.get("label"),
        "volumes": run.get("n_volumes"),
        "TR (s)": run.get("tr") or "irregular",
        "first volume (s)": run.get("first_volume"),
        **files,
        "time of the first volume": f"{told} of {Path(sidecar).name}" if told else sidecar or None,
        "confounds": confounds or "none",
    }


def _conditions(runs: list[dict[str, Any]]) -> pd.DataFrame:
    """Return events and seconds of each condition summed over runs."""
    rows = [condition for run in runs for condition in run.get("conditions") or []]
    if not rows:
        return pd.DataFrame(columns=["condition", "runs", "events", "total duration (s)"])
    groups = pd.DataFrame(rows).groupby("name", sort=False)
    table = groups.agg(runs=("name", "size"), events=("n_events", "sum"), total=("seconds", "sum"))
    return table.reset_index().rename(columns={"name": "condition", "total": "total duration (s)"})


def fill_design(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Events of one run over time."""
    shown = analysis.inputs.get("design")
    if not shown or not shown.get("events"):
        section.missing = "No events were recorded."
        return
    label = str(shown.get("label", ""))
    run = next((r for r in analysis.inputs.get("runs", []) if r.get("label") == label), {})
    events = pd.DataFrame(shown["events"])
    figure = design(events, run.get("duration"), conditions=analysis.conditions)
    content, file = figures.save(figure, f"{analysis.stem}_desc-design_bold")
    section.figure(content, f"Events of {label}.", file)


def fill_messages(section: Section, analysis: Analysis | None, out_dir: Path) -> None:
    """Errors and warnings of the run; the end of the log where nothing else was recorded."""
    inputs = analysis.inputs if analysis else {}
    errors, warnings = inputs.get("errors", []), inputs.get("warnings", [])
    if errors:
        section.messages([str(e) for e in errors], "error")
    if warnings:
        section.messages([str(w) for w in warnings], "warning")
    if inputs and not errors and not warnings:
        section.note("No error and no warning.")
    log = latest_log(out_dir, "drmbids.log")
    if log and (errors or not inputs):
        end = "\n".join(log.splitlines()[-_LOG_LINES:])
        section.code(end, f"Last lines of the log of the latest run ({_LOG_LINES} at most)")
    if not section.blocks:
        section.missing = "Neither inputs nor a log were saved."


def fill_failure(section: Section, failure: str, earlier: bool, out_dir: Path) -> None:
    """Why the latest call failed, and the end of its log."""
    section.messages([failure], "error")
    if earlier:
        section.note("The latest call failed. What follows is the result of an earlier one.")
    log = latest_log(out_dir, "drmbids.log")
    if log and earlier:  # without results the log is in the section on messages
        section.code(
            "\n".join(log.splitlines()[-_LOG_LINES:]), "Last lines of its log", folded=True
        )


def fill_provenance(section: Section, analysis: Analysis | None, out_dir: Path) -> None:
    """Command, seed, versions and resolved configuration."""
    inputs = analysis.inputs if analysis else {}
    if inputs.get("command"):
        section.code(str(inputs["command"]), "Command")
    facts = dict(inputs.get("versions", {}))
    if facts:
        section.facts(facts)
    config = latest_log(out_dir, "config.toml")
    if config:
        section.code(config, "Resolved configuration of the latest run", folded=True)
    if not section.blocks:
        section.missing = "Neither command, versions nor configuration were saved."


def fill_methods(section: Section, analyses: Sequence[Analysis]) -> None:
    """The text for a paper, of each analysis."""
    texts = {a.stem: str(a.inputs["methods"]) for a in analyses if a.inputs.get("methods")}
    if not texts:
        section.missing = "No methods text was saved: it is made when an analysis succeeds."
        return
    section.note("Text to copy into a paper; check it against what you did.")
    for stem, text in texts.items():
        section.note(f"Of {stem}:")
        section.prose(text.strip())
