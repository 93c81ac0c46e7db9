"""What is asked of a check, and what it has found so far."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import Problem, ProblemError, ProblemWarning
from drmbids.bids.reading.load import EVENTS_ALONE
from drmbids.bids.reading.measured import Measured, Space
from drmbids.bids.reading.stimuli import Stimuli
from drmbids.bids.reading.timing import VolumeTimes
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.compare.splits.time_blocks import BlockFolds
from drmbids.data.physiology import Physio
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events


@dataclass(frozen=True)
class Request:
    """The data and models of one participant's analysis.

    Parameters
    ----------
    bids_dir : Path
        Root of the dataset.
    query : mapping
        Choice of runs: the keyword arguments of :func:`drmbids.find_runs`.
    atlas_or_mask, confounds, tr
        As :func:`drmbids.load_runs` takes them.
    models : mapping of str to ModelSpec
        By name; :func:`drmbids.default_model` when empty.
    cv : str
        What a fold holds out, see :func:`drmbids.compare_models`.
    blocks : BlockFolds
        How runs are cut where blocks of them are held out.
    physio, stimuli, allow_gaps
        As :func:`drmbids.load_runs` takes them.
    variance_parts : mapping of str to sequence of str, optional
        Parts that the variance is to be divided into, see :func:`drmbids.partition_conditions`.
    intervals : str
        How intervals of parameters are to be had, see :func:`drmbids.parameter_intervals`.
    baseline_hrf : str
        Hemodynamic response of the linear model, see :class:`drmbids.GLMBaseline`.
    """

    bids_dir: Path
    query: Mapping[str, Any] = field(default_factory=dict)
    atlas_or_mask: Any = None
    confounds: str | Sequence[str] | None = None
    tr: float | None = None
    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    cv: str = "auto"
    blocks: BlockFolds = field(default_factory=BlockFolds)
    physio: Collection[Physio] = ()
    stimuli: Stimuli = EVENTS_ALONE
    allow_gaps: bool = False
    variance_parts: Mapping[str, Sequence[str]] | None = None
    intervals: str = "none"
    baseline_hrf: str = "glover"


@dataclass(eq=False)
class Inspection:
    """A check at work: each stage reads what earlier ones left, and adds what it finds.

    Parameters
    ----------
    request : Request
        What is asked.
    problems : list of Problem
        Found so far, each once.
    files : sequence of RunFiles
        The runs that match, good and bad.
    images, timings, events : mapping of RunFiles
        What could be read of each run: open image, times of volumes, events.
    space : VoxelSpace, PlaceSpace or None
        The regions.
    runs : mapping of RunFiles to Run
        The usable runs as a model gets them.
    timing : DataFrame or None
        Whether other times of events explain them better, see :func:`drmbids.timing_audit`.
    """

    request: Request
    problems: list[Problem] = field(default_factory=list)
    files: Sequence[RunFiles] = ()
    images: dict[RunFiles, Measured] = field(default_factory=dict)
    timings: dict[RunFiles, VolumeTimes] = field(default_factory=dict)
    events: dict[RunFiles, Events] = field(default_factory=dict)
    space: Space | None = None
    runs: dict[RunFiles, Run] = field(default_factory=dict)
    timing: pd.DataFrame | None = None
    _bad: dict[RunFiles, list[Problem]] = field(default_factory=dict)
    _blocked: bool = False

    @property
    def usable(self) -> list[RunFiles]:
        """Runs without an error; none where an error is about all of them."""
        return [] if self._blocked else [f for f in self.files if f not in self._bad]

    @property
    def left_out(self) -> Mapping[RunFiles, Sequence[Problem]]:
        """Runs with an error of their own, and these errors."""
        return self._bad

    @contextmanager
    def judging(self, run: RunFiles | None = None) -> Iterator[None]:
        """Collect errors and warnings of the code inside.

        Parameters
        ----------
        run : RunFiles, optional
            The run that is judged; an error then costs this run only, else the whole analysis.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except ProblemError as error:
                self.add(error.problems, run)
        found = [w.message.problem for w in caught if isinstance(w.message, ProblemWarning)]
        self.add(found, run)

    def add(self, problems: Sequence[Problem], run: RunFiles | None = None) -> None:
        """Add problems, of one run or of all.

        Parameters
        ----------
        problems : sequence of Problem
            Those found; what is known already is not added again.
        run : RunFiles, optional
            The run that they are about; None for all.
        """
        self.problems += [p for p in dict.fromkeys(problems) if p not in self.problems]
        errors = [p for p in problems if p.severity == "error"]
        if errors and run is None:
            self._blocked = True
        elif errors and run is not None:
            known = self._bad.setdefault(run, [])
            known += [p for p in errors if p not in known]


def told_by(code: str, file: Any, message: str, remedy: str) -> Problem:
    """Return a problem from the message of an error of another room.

    Parameters
    ----------
    code : str
        A key of :data:`drmbids.bids.files.problems.CODES`.
    file : object
        What it is about, as far as the message does not say so.
    message : str
        One line, ``what; remedy`` or only what.
    remedy : str
        Taken where the message has none.
    """
    found, _, advice = " ".join(message.split()).rpartition("; ")
    if not found:
        found, advice = advice, remedy
    return Problem(code, str(file), found.removeprefix(f"{file}: "), advice)
