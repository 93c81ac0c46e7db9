"""A stop that was asked for, by a signal or a file: work ends where it can be taken up again.

Schedulers announce the end of a job by a signal some time before they kill it. Where nothing has
to be saved first, :class:`Interrupted` is raised at once; within :func:`at_good_places` the signal
only leaves a note, and :func:`stop_if_asked` raises where the state is whole. A file does the same
for other processes, on any backend of joblib.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: Signals that ask for a stop: what schedulers send before they kill a job.
SIGNALS = ("SIGTERM", "SIGUSR1")

# How long a process may not notice a file that asks it to stop, in seconds.
_LOOK_EVERY_S = 0.5


class Interrupted(KeyboardInterrupt):
    """Work ended before it was done; the same call goes on from there.

    It passes ``except Exception`` as Ctrl-C does.
    """

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: "the user is invited to retry"


class _State:
    """What this process knows; one for all of its threads."""

    def __init__(self) -> None:
        self.asked = False
        self.deferring = 0
        self.file: Path | None = None
        self.looked = -1.0
        self.lock = threading.Lock()


_STATE = _State()


def stop_file() -> Path | None:
    """Return the file whose presence asks this process to stop, if there is one."""
    return _STATE.file


def ask_to_stop() -> None:
    """Ask this process, and all that look for the same file, to stop."""
    _STATE.asked = True
    if _STATE.file is not None:
        with suppress(OSError):
            _STATE.file.touch()


def stop_asked() -> bool:
    """Return whether a stop was asked for."""
    if not _STATE.asked and _STATE.file is not None:
        now = time.monotonic()
        if now - _STATE.looked > _LOOK_EVERY_S:
            _STATE.looked = now
            _STATE.asked = _STATE.file.exists()
    return _STATE.asked


def stop_if_asked() -> None:
    """Raise :class:`Interrupted` if a stop was asked for.

    Examples
    --------
    >>> with watching(None):
    ...     stop_if_asked()
    ...     ask_to_stop()
    ...     stop_asked()
    True
    """
    if stop_asked():
        raise Interrupted("a stop was asked for")


@contextmanager
def at_good_places() -> Iterator[None]:
    """Let the first signal wait for the next :func:`stop_if_asked` while the context lasts.

    A second one is not kept waiting.
    """
    with _STATE.lock:
        _STATE.deferring += 1
    try:
        yield
    finally:
        with _STATE.lock:
            _STATE.deferring -= 1


@contextmanager
def watching(file: Path | None) -> Iterator[None]:
    """Take the presence of a file for a request to stop while the context lasts.

    Parameters
    ----------
    file : Path or None
        In a folder that all processes of the work see. A request from within the context ends with
        it.
    """
    before = _STATE.file, _STATE.asked
    _STATE.file, _STATE.looked = file, -1.0
    try:
        yield
    finally:
        _STATE.file, _STATE.asked = before


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Take :data:`SIGNALS` for requests to stop while the context lasts.

    Only the main thread of a process may do so; elsewhere nothing changes.
    """

    def stop(number: int, frame: Any) -> None:
        again = _STATE.asked
        ask_to_stop()
        if again or not _STATE.deferring:
            raise Interrupted(f"stopped by {signal.Signals(number).name}")

    kept: dict[signal.Signals, Any] = {}
    for name in SIGNALS:
        with suppress(ValueError, AttributeError):  # no main thread, no such signal on this system
            number = signal.Signals[name] if name in signal.Signals.__members__ else None
            if number is not None:
                kept[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
