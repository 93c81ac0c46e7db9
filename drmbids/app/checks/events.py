"""Events: every row of every file, conditions over runs, and the stimuli that they name."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from drmbids.app.checks.inspection import Inspection
from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import Problem, collecting, lines, raise_all, warn
from drmbids.bids.files.tsv import MISSING, read_table
from drmbids.bids.reading.events import read_events
from drmbids.bids.reading.stim_files import check_frames, read_stim_files, stimulus_path
from drmbids.bids.reading.stimuli import STIM_FILE, run_events, run_series
from drmbids.data.runs.stream import Events

# Conditions that a message names.
_NAMED = 5


def check_events(inspection: Inspection) -> None:
    """Read the events of each run; onsets need the times of volumes to be judged."""
    for files in inspection.files:
        with inspection.judging(files):
            if files in inspection.timings:
                timing = inspection.timings[files]
                modulators, n_volumes = inspection.request.stimuli.modulators, len(timing.starts)
                found = run_events(files, timing.duration, modulators, n_volumes)
                inspection.events[files] = found
            elif files.events is not None:
                read_events(files.events)
        if files in inspection.events:
            _judge_stimuli(inspection, files)
    with inspection.judging():
        _warn_of_single_runs(inspection.events)


def _warn_of_single_runs(events: Mapping[RunFiles, Events]) -> None:
    """Warn of conditions that a model cannot know when their only run is held out."""
    runs = defaultdict(list)
    for files, one in events.items():
        for condition in dict.fromkeys(c for c in one.conditions if c not in one.modulators):
            runs[condition].append(files)
    single = {condition: where[0] for condition, where in runs.items() if len(where) == 1}
    if not single or len(events) < 2:
        return
    remedy = (
        "no model can learn it when that run is held out: check its spelling, or merge it with "
        "another condition"
    )
    if len(single) == 1:
        ((condition, files),) = single.items()
        found = f"condition {condition!r} occurs in this one of {len(events)} runs only"
        warn("EV10", files.events, found, remedy)
        return
    some = ", ".join(map(repr, list(single)[:_NAMED]))
    some += f" and {len(single) - _NAMED} more" if len(single) > _NAMED else ""
    where = list(dict.fromkeys(files.events for files in single.values()))
    place = str(where[0]) + (f" and {len(where) - 1} more" if len(where) > 1 else "")
    found = (
        f"{len(single)} of {len(runs)} conditions occur in only one of the {len(events)} runs: "
        f"{some}"
    )
    remedy = "no model can learn them when that run is held out: check their spelling"
    if len(single) == len(runs):
        remedy += ", or write the category of each stimulus, not its name, as trial_type"
    warn("EV10", place, found, remedy)


def _judge_stimuli(inspection: Inspection, files: RunFiles) -> None:
    """Look at the stimuli beside the events; those that are asked for are decoded once."""
    wanted = inspection.request.stimuli
    if files.events is not None:
        with inspection.judging(files):
            _look_for_stim_files(files.events, STIM_FILE in wanted.more)
        if STIM_FILE in wanted.more and files not in inspection.left_out:
            with inspection.judging(files):
                check_frames(read_stim_files(files.events, wanted.form))
    with inspection.judging(files):
        run_series(files, wanted)


def _look_for_stim_files(path: Path, needed: bool) -> None:
    """Raise for stimulus files outside the folder ``stimuli``, and for missing ones if needed.

    Others that are missing are warned of: many datasets come without their pictures.
    """
    table = read_table(path)
    if "stim_file" not in table.columns:
        return
    problems: list[Problem] = []
    for name, rows in table.groupby("stim_file").groups.items():
        if str(name) not in (MISSING, ""):
            with collecting(problems):
                stimulus_path(path, str(name), lines(rows))
    for problem in [p for p in problems if p.code == "EV13" and not needed]:
        warn("EV11", problem.file, problem.found, problem.remedy, problem.where)
    raise_all([p for p in problems if p.code != "EV13" or needed])
