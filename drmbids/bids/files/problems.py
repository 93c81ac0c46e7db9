"""What can be wrong with data: each kind has a code, and says whether work can go on."""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError

Severity = Literal["error", "warning"]

#: Severity and meaning of each code. Codes are stable: a new kind gets a new one.
CODES: Mapping[str, tuple[Severity, str]] = {
    "DS01": ("error", "the folder is no BIDS dataset"),
    "DS02": ("error", "a JSON file cannot be read"),
    "DS03": ("error", "a participant is not there, or there is none"),
    "DS04": ("error", "no BOLD image matches the choice"),
    "DS05": ("error", "the runs differ in an entity that was not chosen"),
    "DS06": ("error", "one run is there twice"),
    "DS07": ("error", "two files apply equally"),
    "DS08": ("warning", "a folder is left out: its name is in the wrong case"),
    "DS09": ("error", "a run lacks a hemisphere that others have"),
    "DS10": ("warning", "raw images are analysed, preprocessed ones of the runs are there"),
    "DS11": ("error", "two sidecars of one level state different values"),
    "DS12": ("warning", "runs or participants are left out: .bidsignore lists them"),
    "DS13": ("error", "the truth of simulated data cannot be read"),
    "IM01": ("error", "an image is missing or was not downloaded"),
    "IM02": ("error", "an image file is empty, or something else than an image"),
    "IM03": ("error", "the name and the packing of an image disagree"),
    "IM04": ("error", "a packed image is damaged or cut"),
    "IM05": ("error", "an image file is smaller than its header says"),
    "IM06": ("error", "an image holds a header, but no data"),
    "IM07": ("error", "a packed image is larger than its header says"),
    "IM08": ("error", "the header of an image cannot be used"),
    "IM09": ("warning", "bytes after the end of an image"),
    "IM10": ("error", "an image is no series of enough volumes"),
    "IM11": ("error", "the repetition time is missing or cannot be one"),
    "IM12": ("error", "sidecar and header state different repetition times"),
    "IM13": ("error", "runs have different repetition times"),
    "IM14": ("error", "images lie on different grids"),
    "IM15": ("error", "a volume has no finite value"),
    "IM16": ("warning", "voxels without a finite, varying signal are left out"),
    "IM17": ("error", "series without a grid of voxels cannot be smoothed"),
    "IM18": ("error", "voxels lack a finite value in some volumes"),
    "TM01": ("error", "when volumes were measured is not known"),
    "TM02": ("warning", "when volumes were measured may be wrong"),
    "TB01": ("error", "a table is missing, empty, or no text in UTF-8"),
    "TB02": ("error", "the rows or columns of a table are not even"),
    "TB03": ("error", "a table lacks a column"),
    "TB04": ("error", "a field that has to be a number is none"),
    "EV01": ("error", "a run has no events file"),
    "EV02": ("error", "an event lacks a value"),
    "EV03": ("error", "an event has a negative duration"),
    "EV04": ("error", "an event is there twice"),
    "EV05": ("error", "onsets are not in seconds from the first volume"),
    "EV06": ("warning", "events lie outside the run"),
    "EV07": ("warning", "the events have no trial_type"),
    "EV08": ("warning", "an events file has no event"),
    "EV09": ("error", "no run has an event"),
    "EV10": ("warning", "a condition occurs in one run only"),
    "EV11": ("warning", "a stim_file that is not asked for is missing"),
    "EV12": ("error", "a stim_file lies outside the folder stimuli"),
    "EV13": ("error", "a stimulus that is asked for cannot be shown"),
    "EV14": ("error", "a sampled stimulus that is asked for cannot be used"),
    "EV15": ("error", "a modulator is called like a condition"),
    "EV16": ("error", "a condition is written like a missing value"),
    "EV17": ("error", "durations are not in seconds"),
    "EV18": ("warning", "onsets or durations may not be in seconds"),
    "EV19": ("warning", "conditions differ in blanks or capital letters alone"),
    "EV20": ("warning", "a column modulation is not used"),
    "EV21": ("warning", "events of one condition begin at one time"),
    "CF01": ("error", "a run has no confounds table"),
    "CF02": ("error", "the confounds table lacks a column"),
    "CF03": ("error", "a confound is missing in a volume"),
    "CF04": ("error", "confounds and image differ in volumes"),
    "CF05": ("error", "a confounds strategy cannot be followed"),
    "CF06": ("warning", "a pattern of confounds fits no column of some runs"),
    "CF07": ("error", "scrubbing leaves no volume of a run"),
    "PH01": ("error", "a physiological recording that is asked for cannot be used"),
    "PH02": ("warning", "a physiological recording does not cover its run"),
    "PH03": ("warning", "a physiological recording that is not asked for cannot be used"),
    "RG01": ("error", "the regions are not known"),
    "RG02": ("error", "a mask or atlas does not hold labels"),
    "RG03": ("error", "labels and names of an atlas disagree"),
    "RG04": ("error", "a region has no voxel"),
    "RG05": ("error", "a region has no signal"),
    "RG06": ("error", "regions and data are in different spaces"),
    "RG07": ("warning", "regions share voxels"),
    "RG08": ("warning", "the brain masks of the runs differ"),
    "RG09": ("warning", "names of regions differ in capitals alone"),
    "RG10": ("error", "a region has a name that stands for something else"),
    "MD01": ("error", "a model file is faulty"),
    "MD02": ("error", "a model does not fit the data"),
    "MD03": ("error", "a model needs more memory than there is"),
    "DG01": ("error", "drifts and confounds leave nothing of a run"),
    "DG02": ("error", "nothing can be held out"),
    "DG03": ("warning", "conditions of a run cannot be told apart"),
    "DG04": ("warning", "drifts and confounds take most of a run"),
    "DG05": ("warning", "the runs may not fit into memory"),
    "DG06": ("warning", "stimuli are held out of which nothing but their names is known"),
    "DG07": ("warning", "other onsets, durations or amplitudes explain held-out data better"),
    "DG08": ("warning", "a condition is held out of which no response is trained on"),
    "DG09": ("error", "the variance cannot be divided as asked"),
    "DG10": ("error", "intervals cannot be had as asked"),
    "DG11": ("warning", "a high-pass filter takes hemodynamic responses out"),
    "DG12": ("warning", "there are fewer volumes than conditions"),
    "DG13": ("warning", "volumes are further apart than a hemodynamic response lasts"),
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the data.

    Parameters
    ----------
    code : str
        A key of :data:`CODES`.
    file : str
        The file, folder or run.
    found : str
        What is there, with its value.
    remedy : str
        What to do about it.
    where : str
        Line, volume or voxel inside the file; empty for the whole.

    Examples
    --------
    >>> problem = Problem("EV03", "a_events.tsv", "negative duration '-1'", "correct it", "line 3")
    >>> print(problem)
    a_events.tsv: line 3: negative duration '-1'; correct it [EV03]
    >>> problem.severity
    'error'
    """

    code: str
    file: str
    found: str
    remedy: str
    where: str = ""

    @property
    def severity(self) -> Severity:
        """Whether work stops (``"error"``) or goes on (``"warning"``)."""
        return CODES[self.code][0]

    def __str__(self) -> str:
        place = f"{self.file}: {self.where}" if self.where else self.file
        return f"{place}: {self.found}; {self.remedy} [{self.code}]"

    def as_dict(self) -> dict[str, str]:
        """Return the fields and the severity, for JSON."""
        return {"severity": self.severity, **asdict(self)}


class ProblemError(DataError):
    """Data that cannot be used as they are; ``problems`` lists all that was found.

    Parameters
    ----------
    problems : sequence of Problem
        At least one; the message shows the first.
    """

    def __init__(self, problems: Sequence[Problem]):
        self.problems = list(problems)
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems,)


class ProblemWarning(DataWarning):
    r"""The data can be used, but something in them deserves a look.

    The message ends in the code, by which one kind can be silenced:
    ``warnings.filterwarnings("ignore", r".*\[EV06\]", ProblemWarning)``.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        super().__init__(str(problem))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problem,)


def error(code: str, file: Any, found: str, remedy: str, where: str = "") -> ProblemError:
    """Return the error to raise for one problem."""
    return ProblemError([Problem(code, str(file), found, remedy, where)])


def warn(code: str, file: Any, found: str, remedy: str, where: str = "") -> None:
    """Warn of one problem, as if from where the caller was called."""
    warnings.warn(ProblemWarning(Problem(code, str(file), found, remedy, where)), stacklevel=3)


def raise_all(problems: Sequence[Problem]) -> None:
    """Raise :class:`ProblemError` if there is any problem."""
    if problems:
        raise ProblemError(problems)


def grouped(problems: Sequence[Problem]) -> list[Problem]:
    """Return problems, those that differ in their file and in numbers alone as one, with a count.

    Parameters
    ----------
    problems : sequence of Problem

    Returns
    -------
    list of Problem
        In the order of the first of each group.

    Examples
    --------
    >>> found = [Problem("EV06", f"sub-{k}_events.tsv", f"{k} events are late", "look", f"line {k}")
    ...          for k in range(1, 8)]
    >>> print(*grouped(found))
    sub-1_events.tsv: line 1: 1 events are late; the same in 6 more files: sub-2_events.tsv, \
sub-3_events.tsv, sub-4_events.tsv and 3 more; look [EV06]
    """
    groups: dict[tuple[str, ...], list[Problem]] = {}
    for problem in problems:
        own = problem.found.replace(problem.file, "").replace(Path(problem.file).name, "")
        kind = (problem.code, problem.remedy, re.sub(r"\d[\d.]*", "#", own))
        groups.setdefault(kind, []).append(problem)
    return [_with_count(alike) for alike in groups.values()]


def _with_count(alike: Sequence[Problem]) -> Problem:
    """Return the first of problems that are alike, with the files of the others."""
    first, files = alike[0], list(dict.fromkeys(p.file for p in alike[1:]))
    if not files:
        return first
    n, names = len(files), ", ".join(Path(file).name for file in files[:_MOST_FILES])
    rest = f" and {n - _MOST_FILES} more" if n > _MOST_FILES else ""
    found = f"{first.found}; the same in {n} more file{'' if n == 1 else 's'}: {names}{rest}"
    return replace(first, found=found)


#: Files of problems that are alike which are named.
_MOST_FILES = 3


@contextmanager
def collecting(problems: list[Problem]) -> Iterator[None]:
    """Append the problems of an error to a list, and go on after the context."""
    try:
        yield
    except ProblemError as found:
        problems += found.problems


def lines(numbers: Iterable[int]) -> str:
    """Return lines of a file in words, the first few where there are many.

    Examples
    --------
    >>> lines([3]), lines([3, 5]), lines(range(2, 12))
    ('line 3', 'lines 3, 5', 'lines 2, 3, 4, 5, 6 and 5 more')
    """
    found = [int(n) for n in numbers]
    some = ", ".join(map(str, found[:5])) + (f" and {len(found) - 5} more" * (len(found) > 5))
    return f"line {some}" if len(found) == 1 else f"lines {some}"


def check_codes(codes: Sequence[str]) -> None:
    """Raise UsageError unless all are codes of warnings.

    Parameters
    ----------
    codes : sequence of str
        To be ignored.
    """
    for code in codes:
        if code not in CODES:
            raise UsageError(f"unknown code {code!r} to ignore; there are {', '.join(CODES)}")
        if CODES[code][0] == "error":
            raise UsageError(f"{code} ({CODES[code][1]}) is an error; only warnings can be ignored")
