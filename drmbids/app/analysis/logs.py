"""Where messages go: the console, and a log file of the call; warnings are kept for the report."""

import logging
import os
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

from drmbids.bids.files.problems import ProblemWarning
from drmbids.data.tools.exceptions import OutputError
from drmbids.data.tools.options_text import in_options
from drmbids.data.tools.warned import each_warning

logger = logging.getLogger("drmbids")

#: Log lines and progress bars share it, so that neither breaks the other.
CONSOLE = Console(stderr=True)

# Libraries tell their developers about these, not the user about the data.
_NOT_FOR_USERS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning)


class _OneLine(logging.Formatter):
    """The message alone, after ``drmbids: error:`` where asked; tracebacks are for the file."""

    def __init__(self, prefix: bool):
        super().__init__()
        self.prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"drmbids: {record.levelname.lower()}: " if self.prefix else ""
        return prefix + record.getMessage()


class _Once(logging.Filter):
    """Lets a warning through once; what differs in participant and numbers alone is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, str] = {}
        self.again: dict[str, list[str]] = {}
        self.seen: dict[str, str] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is shown."""
        text = record.getMessage()
        label = _LABEL.match(text)
        if record.levelno != logging.WARNING or label is None:
            return True
        kind = _NUMBER.sub("#", text.replace(label[1], ""))
        if self.first.setdefault(kind, label[1]) == label[1]:
            return True
        self.seen.setdefault(kind, text)
        participants = self.again.setdefault(kind, [])
        if label[1] not in participants:
            participants.append(label[1])
        return False

    def repeated(self) -> list[str]:
        """Return a line for each kind of warning that was held back, and begin anew."""
        found = []
        for kind, labels in self.again.items():
            some = ", ".join(labels[:_MOST_NAMED])
            more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
            start = self.seen[kind].partition(": ")[2][:_MOST_LETTERS]
            found.append(f"the same warning as of {self.first[kind]} in {some}{more}: {start}…")
        self.again = {}
        return found


#: The participant that a message is about.
_LABEL = re.compile(r"(sub-[0-9A-Za-z+]+): ")
_NUMBER = re.compile(r"\d[\d.]*")
#: Participants that are named, and letters of a message that are shown again.
_MOST_NAMED, _MOST_LETTERS = 5, 100


class _Console(logging.StreamHandler):
    """Lines on a stream until its reader has gone (``| head``); then the file alone has them."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())
        else:
            super().handleError(record)


def new_call_folder(out_dir: Path) -> Path:
    """Return a new folder ``logs/<date>-<uuid>`` for the log and configuration of one call.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder = out_dir / "logs" / f"{stamp}_{uuid.uuid4()}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from error
    return folder


@contextmanager
def logging_to(file: Path, verbosity: int = 0) -> Iterator[None]:
    """Log to the console and to a file while the context lasts.

    Errors and warnings go to stderr, all else to stdout; on a terminal both are drawn by rich. The
    file gets everything, with times and tracebacks.

    Parameters
    ----------
    file : Path
        Appended to.
    verbosity : int
        -1: errors and warnings on the console; 0: progress too; 1: details.
    """
    to_file = logging.FileHandler(file, encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    to_file.setLevel(logging.DEBUG)
    console, once = _console_handlers(verbosity), _Once()
    if verbosity <= 0:
        for handler in console:
            handler.addFilter(once)
    handlers = [to_file, *console]
    previous = logger.level
    logger.setLevel(logging.DEBUG)
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for text in once.repeated():
            logger.warning("%s (each in %s)", text, file)
        logger.setLevel(previous)
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def _console_handlers(verbosity: int) -> list[logging.Handler]:
    if sys.stderr.isatty():
        rich = RichHandler(console=CONSOLE, show_path=False, show_time=False)
        rich.setFormatter(_OneLine(prefix=False))
        rich.setLevel(_level(verbosity))
        return [rich]
    loud, quiet = _Console(sys.stderr), _Console(sys.stdout)
    loud.setLevel(logging.WARNING)
    loud.setFormatter(_OneLine(prefix=True))
    quiet.setLevel(_level(verbosity))
    quiet.setFormatter(_OneLine(prefix=False))
    quiet.addFilter(lambda record: record.levelno < logging.WARNING)
    return [loud, quiet]


def _level(verbosity: int) -> int:
    return {-1: logging.WARNING, 0: logging.INFO}.get(max(verbosity, -1), logging.DEBUG)


@contextmanager
def collected_warnings(label: str, ignore: Sequence[str] = ()) -> Iterator[list[str]]:
    """Log warnings as they come and collect them, each text once.

    Parameters
    ----------
    label : str
        Put before each logged warning: ``"sub-01"``.
    ignore : sequence of str
        Codes of problems that are not wanted.

    Yields
    ------
    list of str
        Filled while the context lasts.
    """
    texts: list[str] = []

    def show(message: Warning | str, category: type[Warning]) -> None:
        text = in_options(" ".join(str(message).split()))
        unwanted = isinstance(message, ProblemWarning) and message.problem.code in ignore
        if unwanted or text in texts:
            return
        if issubclass(category, _NOT_FOR_USERS):
            logger.debug("%s: %s: %s", label, category.__name__, text)
            return
        texts.append(text)
        logger.warning("%s: %s", label, text)

    with each_warning(show):
        yield texts
