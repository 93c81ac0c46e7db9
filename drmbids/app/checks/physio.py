"""Physiological recordings: whole, described by their sidecar, and as long as the run."""

from pathlib import Path

from drmbids.app.checks.inspection import Inspection
from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import ProblemError, warn
from drmbids.bids.reading.physio import read_recordings


def check_physio(inspection: Inspection) -> None:
    """Read the recordings of each run; one that is not asked for costs no run."""
    for files in inspection.files:
        for path in files.recordings:
            with inspection.judging():
                try:
                    (stream,) = read_recordings([path], files.searched[-1])
                except ProblemError as error:
                    for problem in error.problems:
                        warn("PH03", problem.file, problem.found, problem.remedy)
                    continue
                if files in inspection.timings and len(stream.times):
                    _judge_times(stream.times[0], stream.times[-1], path, files, inspection)


def _judge_times(
    start: float, end: float, path: Path, files: RunFiles, inspection: Inspection
) -> None:
    """Warn if a recording begins after its run, or ends more than a volume before it."""
    timing = inspection.timings[files]
    duration = timing.duration
    if start > 0 or end < timing.starts[-1]:
        found = f"it lasts from {start:g} to {end:g} s, the run from 0 to {duration:g} s"
        remedy = "check StartTime, which is negative where it began before the first volume"
        warn("PH02", path, found, remedy)
