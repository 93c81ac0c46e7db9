"""The page of a fit to the resting state: what was fitted, to what, and how well."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drmbids import __version__
from drmbids.app.report.page import Section, render, section
from drmbids.app.report.svg import inline_svg
from drmbids.compare.drawing import rest as drawing
from drmbids.compare.drawing.style import svg
from drmbids.data.runs.run import Run
from drmbids.data.storage.files import write_text


def write_rest_report(
    path: str | Path, brain: Any, runs: Sequence[Run], held_out: Sequence[Run] = ()
) -> Path:
    """Write an HTML page on a fitted brain at rest.

    Parameters
    ----------
    path : str or Path
        Of the page; one file, with its figures in it.
    brain : WholeBrain
        Fitted.
    runs : sequence of Run
        What it was fitted to.
    held_out : sequence of Run
        What it is judged by, if anything.

    Returns
    -------
    Path
    """
    parts = [
        ("Inputs", "inputs", partial(_fill_inputs, brain=brain, runs=runs, held_out=held_out)),
        ("Connectivity", "connectivity", partial(_fill_fc, brain=brain, runs=runs, new=held_out)),
        ("Spectra", "spectra", partial(_fill_spectra, brain=brain)),
        ("Parameters", "parameters", partial(_fill_parameters, brain=brain)),
    ]
    n_runs = f"{len(runs)} run{'s' if len(runs) != 1 else ''}"
    page = render(
        "page.html.j2",
        title="Resting state · drmbids",
        heading="Resting state",
        lead=[],
        subtitle=f"{brain.mass}, {len(brain.fc_)} regions, {n_runs}",
        chapters=[{"title": "", "sections": [section(*part) for part in parts]}],
        version=__version__,
    )
    path = Path(path)
    write_text(path, page)
    return path


def _fill_inputs(part: Section, brain: Any, runs: Sequence[Run], held_out: Sequence[Run]) -> None:
    frequencies, _, _ = brain.power()
    part.facts(
        {
            "Runs fitted": ", ".join(run.label for run in runs),
            "Runs held out": ", ".join(run.label for run in held_out) or "none",
            "Minutes fitted": sum(run.duration or 0 for run in runs) / 60,
            "Sampled every (s)": brain.spectra_.step,
            "Band (Hz)": f"{frequencies[0]:.3g} to {frequencies[-1]:.3g}",
            "Segments (s)": brain.spectra_.segment,
            "Masses": brain.mass,
            "Connectome": "estimated" if brain.weights is None else "given",
            "Delays": "none" if brain.lengths is None else "tract length over velocity",
        }
    )


def _fill_fc(part: Section, brain: Any, runs: Sequence[Run], new: Sequence[Run]) -> None:
    names = _names(runs[0])
    for kind, some in (("fitted", runs), ("held out", new)):
        if not some:
            continue
        measured = np.mean(list(brain.measured(some)), axis=0)
        figure = drawing.connectivity(measured, brain.predict(some)[0], names)
        caption = (
            f"Functional connectivity in the band, mean of the runs {kind}, beside that of the "
            f"model. Correlation over pairs, mean of runs: {brain.score(some):.3f}."
        )
        part.figure(inline_svg(svg(figure), f"fc-{len(part.blocks)}"), caption)


def _fill_spectra(part: Section, brain: Any) -> None:
    frequencies, measured, fitted = brain.power()
    caption = "Share of each series' power in the band: median over regions and the middle half."
    figure = drawing.spectra(frequencies, {"measured": measured, "model": fitted})
    part.figure(inline_svg(svg(figure), "spectra"), caption)


def _fill_parameters(part: Section, brain: Any) -> None:
    table = brain.parameters_table()
    if len(table):
        part.table(
            table,
            "What was fitted. The least error is the smallest standard error that any unbiased "
            "estimate from as much data can have: where it is as large as the value, such data do "
            "not tell the parameter.",
        )
    starts = pd.DataFrame(
        [
            {**{f"start {k}": v for k, v in d.start.items()}, **d.end, "loss": d.loss}
            for d in brain.descents_
        ]
    )
    part.table(starts, "Where descents began and ended, the best first.", folded=len(starts) > 8)
    if brain.penalty_:
        part.note(f"Penalty of the estimated weights: {brain.penalty_:g}.")


def _names(run: Run) -> list[str]:
    return [column for stream in run.responses.values() for column in stream.columns]
