"""Heart and breath in the report: what was made of the recordings, and a look at their peaks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from drmbids.app.report.folder import Analysis
from drmbids.app.report.page import Section
from drmbids.app.report.svg import FigureFolder
from drmbids.bids.reading.physio import read_recordings
from drmbids.compare.drawing.physiology import physiology
from drmbids.data.physiology.peaks import breaths, heart_beats
from drmbids.data.physiology.regressors import CARDIAC, RESPIRATORY
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DRMError

#: How the methods text cites what it names.
PHYSIO_CITATIONS = {
    "retroicor": "Glover et al., 2000",
    "hr": "Chang et al., 2009",
    "rv": "Birn et al., 2008",
    "neurokit": "Makowski et al., 2021",
}

_FIND = {CARDIAC: heart_beats, RESPIRATORY: breaths}


def physio_text(inputs: Mapping[str, Any]) -> str:
    """Return the sentence on physiological confounds of the methods text, empty without any.

    Parameters
    ----------
    inputs : mapping
        Record of an analysis.
    """
    wanted, runs = inputs.get("physio", []), inputs.get("runs", [])
    by_slice = any(run.get("slices_as_acquired") for run in runs)
    told = {
        "retroicor": "their phases (RETROICOR"
        + (", taken out slice by slice; " if by_slice else "; ")
        + f"{PHYSIO_CITATIONS['retroicor']})",
        "hr": f"the heart rate through the cardiac response function ({PHYSIO_CITATIONS['hr']})",
        "rv": "the depth of the breath through the respiratory response function "
        f"({PHYSIO_CITATIONS['rv']})",
    }
    if not wanted:
        return ""
    parts = [told[name] for name in told if name in wanted]
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return (
        "Confounds were made of recordings of heart beat and breath, whose peaks were found by "
        f"neurokit2 ({PHYSIO_CITATIONS['neurokit']}): {listed}."
    )


def fill_physio(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """The recordings of each run with their peaks."""
    section.note(
        "Look for peaks that were missed or found twice: they are dips and jumps of the rate."
    )
    for run in analysis.inputs.get("runs", []):
        label = str(run.get("label", ""))
        try:
            found = _found(run)
        except DRMError as error:
            section.note(f"{label}: not drawn, {error}")
            continue
        recordings = {name: recording for name, (recording, _) in found.items()}
        figure = physiology(recordings, {name: peaks for name, (_, peaks) in found.items()})
        content, file = figures.save(figure, f"{label}_desc-recordings_physio")
        section.figure(content, f"Recordings of {label}.", file)


def _found(run: Mapping[str, Any]) -> dict[str, tuple[Stream, np.ndarray]]:
    """Return the recording and the peaks of each trace of a run."""
    paths = [Path(path) for path in run.get("recordings", [])]
    streams = read_recordings(paths, Path(run["recorded_in"])) if paths else []
    return {
        name: (stream, find(stream))
        for name, find in _FIND.items()
        for stream in streams
        if name in stream.columns
    }
