"""Events: every row of every file, conditions over runs, and the stimuli that they name."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from drmbids.bids.dataset import DESCRIPTION
from drmbids.bids.events import read_events
from drmbids.bids.find import RunFiles
from drmbids.bids.load import run_events
from drmbids.bids.problems import lines, warn
from drmbids.bids.tsv import MISSING, read_table
from drmbids.checks.inspection import Inspection
from drmbids.core.stream import Events


def check_events(inspection: Inspection) -> None:
    """Read the events of each run; onsets need a repetition time to be judged."""
    for files in inspection.files:
        with inspection.judging(files):
            if files in inspection.trs:
                duration = inspection.images[files].n_volumes * inspection.trs[files]
                inspection.events[files] = run_events(files, duration)
            elif files.events is not None:
                read_events(files.events)
        if files.events is not None and files in inspection.events:
            with inspection.judging():
                _warn_of_stimuli(files.events)
    with inspection.judging():
        _warn_of_single_runs(inspection.events)


def _warn_of_single_runs(events: Mapping[RunFiles, Events]) -> None:
    """Warn of conditions that a model cannot know when their only run is held out."""
    runs = defaultdict(list)
    for files, one in events.items():
        for condition in dict.fromkeys(one.conditions):
            runs[condition].append(files)
    for condition, where in runs.items():
        if len(where) == 1 and len(events) > 1:
            found = f"the condition {condition!r} occurs in this run only, of {len(events)}"
            remedy = "when the run is held out nothing is known of it: check its spelling"
            warn("EV10", where[0].events, found, remedy)


def _warn_of_stimuli(path: Path) -> None:
    """Warn of stimulus files that are not where BIDS has them: ``stimuli`` in the dataset."""
    table = read_table(path)
    if "stim_file" not in table.columns:
        return
    root = next((p for p in path.parents if (p / DESCRIPTION).is_file()), path.parent)
    folder = (root / "stimuli").resolve()
    for name, rows in table.groupby("stim_file").groups.items():
        if str(name) in (MISSING, ""):
            continue
        target = (folder / str(name)).resolve()
        if not target.is_relative_to(folder):
            remedy = "paths are relative to the folder stimuli of the dataset, and stay inside"
            warn("EV11", path, f"stim_file {name!r} leads to {target}", remedy, lines(rows))
        elif not target.is_file():
            remedy = "copy the file there, or correct the name"
            warn("EV11", path, f"stim_file {name!r} is not in {folder}", remedy, lines(rows))
