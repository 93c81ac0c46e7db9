"""The report of one participant."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from drmbids import __version__
from drmbids.app.report.folder import Analysis, find_analyses
from drmbids.app.report.headline import all_headlines, scores_line
from drmbids.app.report.model_sections import (
    fill_hrfs,
    fill_models,
    fill_parameters,
    fill_recovery,
    fill_responses,
    fill_training,
)
from drmbids.app.report.page import Section, render, section
from drmbids.app.report.pair_sections import fill_pairs
from drmbids.app.report.part_sections import fill_intervals, fill_parts
from drmbids.app.report.physiology import fill_physio
from drmbids.app.report.run_sections import (
    fill_design,
    fill_failure,
    fill_inputs,
    fill_messages,
    fill_methods,
    fill_provenance,
)
from drmbids.app.report.score_sections import fill_maps, fill_scores, fill_series, fill_statistics
from drmbids.app.report.svg import FigureFolder
from drmbids.app.report.timing_section import fill_timing
from drmbids.data.storage.files import write_text
from drmbids.data.tools.exceptions import DataError


def write_participant_report(out_dir: str | Path, subject: str, failure: str | None = None) -> Path:
    """Write the report of one participant from its saved derivatives.

    Parameters
    ----------
    out_dir : str or Path
        Derivative dataset.
    subject : str
        Label of the participant, without ``sub-``.
    failure : str, optional
        Why the latest call failed, where it did; what is reported is then of an earlier one.

    Returns
    -------
    Path
        ``sub-<subject>.html``; its figures are also in ``sub-<subject>/figures/``. What was not
        saved, or cannot be read, is named in its section; the report is written all the same.
    """
    out_dir = Path(out_dir)
    name = f"sub-{subject}"
    figures = FigureFolder(out_dir, f"{name}/figures")
    analyses = find_analyses(out_dir / name)
    chapters = [_chapter(a, figures, out_dir, titled=len(analyses) > 1) for a in analyses]
    last = analyses[-1] if analyses else None
    about = [
        section("Methods", "methods", partial(fill_methods, analyses=analyses)),
        section(
            "Provenance", "provenance", partial(fill_provenance, analysis=last, out_dir=out_dir)
        ),
    ]
    if not analyses:
        fill = partial(fill_messages, analysis=None, out_dir=out_dir)
        about.insert(0, section("Errors and warnings", "messages", fill))
    title = "This run" if len(analyses) > 1 else ""
    chapters.append({"title": title, "sections": about})
    if failure is not None:
        fill = partial(fill_failure, failure=failure, earlier=bool(analyses), out_dir=out_dir)
        chapters.insert(0, {"title": "", "sections": [section("Failed", "failed", fill)]})
    page = render(
        "page.html.j2",
        title=f"{name} · drmbids",
        heading=f"Participant {subject}",
        subtitle=_subtitle(analyses),
        lead=all_headlines(analyses),
        chapters=chapters,
        version=__version__,
    )
    path = out_dir / f"{name}.html"
    write_text(path, page)
    return path


def _chapter(
    analysis: Analysis, figures: FigureFolder, out_dir: Path, titled: bool
) -> dict[str, Any]:
    """Return title and sections of one analysis."""
    drawn = {"analysis": analysis, "figures": figures}
    parts: list[tuple[str, str, Callable[[Section], None]]] = [
        ("Inputs", "inputs", partial(fill_inputs, analysis=analysis)),
        ("Models", "models", partial(fill_models, **drawn)),
        ("Design", "design", partial(fill_design, **drawn)),
        ("Scores", "scores", partial(fill_scores, **drawn)),
        ("Statistics", "statistics", partial(fill_statistics, analysis=analysis)),
        ("Score maps", "maps", partial(fill_maps, **drawn)),
        ("Series", "series", partial(fill_series, **drawn)),
        ("Responses to conditions", "responses", partial(fill_responses, **drawn)),
        ("Hemodynamic responses", "hrf", partial(fill_hrfs, **drawn)),
        ("Parameters and connections", "parameters", partial(fill_parameters, analysis=analysis)),
        ("Training", "training", partial(fill_training, **drawn)),
    ]
    messages = partial(fill_messages, analysis=analysis, out_dir=out_dir)
    # What went wrong is read first, what only deserves a look last.
    where = 0 if analysis.inputs.get("errors") or not analysis.inputs else len(parts)
    parts.insert(where, ("Errors and warnings", "messages", messages))
    if analysis.table_path("desc-pairs_scores"):
        place = next(k for k, part in enumerate(parts) if part[1] == "scores")
        told = partial(fill_pairs, **drawn)
        parts.insert(place, ("Models against each other", "pairs", told))
    if analysis.table_path("desc-recovery_scores"):
        recovered = ("Recovery of the truth", "recovery", partial(fill_recovery, **drawn))
        parts.insert(-1 if where else len(parts), recovered)
    if analysis.table_path("desc-timing_scores"):
        place = next(k for k, part in enumerate(parts) if part[1] == "statistics") + 1
        parts.insert(place, ("Timing of events", "timing", partial(fill_timing, analysis=analysis)))
    if analysis.table_path("desc-parts_scores"):
        place = next(k for k, part in enumerate(parts) if part[1] == "statistics") + 1
        parts.insert(place, ("Parts of the variance", "parts", partial(fill_parts, **drawn)))
    if analysis.model_tables("intervals"):
        place = next(k for k, part in enumerate(parts) if part[1] == "parameters") + 1
        told = partial(fill_intervals, **drawn)
        parts.insert(place, ("Intervals of parameters", "intervals", told))
    if analysis.inputs.get("physio"):
        place = next(k for k, part in enumerate(parts) if part[1] == "design") + 1
        parts.insert(place, ("Heart and breath", "physio", partial(fill_physio, **drawn)))
    prefix = f"{analysis.stem}-" if titled else ""
    sections = [section(title, prefix + anchor, fill) for title, anchor, fill in parts]
    return {"title": analysis.stem if titled else "", "sections": sections}


def _subtitle(analyses: list[Analysis]) -> str:
    """Return what was analysed and how well, in one line."""
    if not analyses:
        return "No analysis was saved for this participant."
    if len(analyses) > 1:
        return f"{len(analyses)} analyses"
    only = analyses[0]
    try:
        scores = scores_line(only)
    except DataError:  # the section on scores says what is wrong with it
        return only.stem
    return only.stem if scores is None else f"{only.stem} · {scores}"
