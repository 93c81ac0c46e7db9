"""Locks on a folder, so that two processes never write the same participant.

A lock is a file that the operating system frees when its process ends, however that was; it also
says who holds it. Where file systems of other machines do not share such locks, the file alone
counts, and whether its holder is alive is seen from its time, which the holder keeps fresh.
"""

import fcntl
import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from drmbids.data.tools.exceptions import OutputError

#: Seconds between two signs of life of a holder, and after how many without one it counts as gone
#: on another machine.
SIGN_EVERY_S, GONE_AFTER_S = 30.0, 600.0


class LockedError(OutputError):
    """Another process works on the same participant in the same folder."""


@contextmanager
def held(path: Path, what: str = "", wait: float = 0.0) -> Iterator[None]:
    """Hold a lock while the context lasts.

    Parameters
    ----------
    path : Path
        The file; removed in the end.
    what : str
        What is locked, for the message, where its reader does not know.
    wait : float
        Seconds to wait for another process.

    Raises
    ------
    LockedError
        If another process holds it.
    OutputError
        If the file cannot be written.
    """
    until = time.monotonic() + wait
    try:
        handle = None
        while handle is None:
            try:
                handle = _taken(path, what)
            except LockedError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.05)
    except LockedError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    over = threading.Event()
    alive = threading.Thread(target=_give_signs, args=(path, over), daemon=True)
    alive.start()
    try:
        yield
    finally:
        over.set()
        with suppress(OSError):  # gone with its folder
            path.unlink()
        os.close(handle)


def left_by_the_dead(path: Path) -> bool:
    """Return whether a lock file is there that no living process of this machine holds."""
    holder = _holder(path)
    return bool(holder) and holder["host"] == platform.node() and not _is_alive(holder)


def _taken(path: Path, what: str) -> int:
    """Return the open file once this process holds it, or raise."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            free = True
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockedError(_message(path, what)) from None
            except OSError:  # a file system without such locks: what the file says has to do
                free = False
            if not _is_file(handle, path):  # its holder removed it in between
                os.close(handle)
                continue
            if _held_elsewhere(path, free):
                raise LockedError(_message(path, what))
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(_who()).encode(), 0)
            os.fsync(handle)
            return handle
        except BaseException:
            with suppress(OSError):
                os.close(handle)
            raise


def _is_file(handle: int, path: Path) -> bool:
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _held_elsewhere(path: Path, free: bool) -> bool:
    """Return whether the file says that a process holds it that is not known to be gone.

    Parameters
    ----------
    path : Path
    free : bool
        Whether this machine has seen that none of its processes holds it.
    """
    holder = _holder(path)
    if not holder:
        return False
    if holder["host"] == platform.node():
        return not free and _is_alive(holder)
    job = _who()["job"]
    if job is not None and holder.get("job") == job:
        return False  # an earlier life of the same job of the scheduler
    with suppress(OSError):
        return time.time() - path.stat().st_mtime < GONE_AFTER_S
    return False


def _who() -> dict[str, Any]:
    """Return what tells this process from all others."""
    job = [os.environ.get(name) for name in ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")]
    single = os.environ.get("SLURM_JOB_ID")
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "job": "_".join(map(str, job)) if all(job) else single,
    }


def _holder(path: Path) -> dict[str, Any]:
    """Return what a lock file says, nothing where it is empty or no lock file."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    whole = isinstance(content, dict) and {"host", "pid"} <= content.keys()
    return content if whole and isinstance(content["pid"], int) else {}


def _is_alive(holder: dict[str, Any]) -> bool:
    """Return whether a process of this machine is the one that a lock file names."""
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    # numbers are given again: the process is another one if it started at another time
    return _started(holder["pid"]) == holder.get("started")


def _started(pid: int) -> int | None:
    """Return when a process started, in ticks since the machine did; None where none tells."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = told.rpartition(")")[2].split()  # from field 3 of proc(5) on; a name may have spaces
    return None if fields[0] == "Z" else int(fields[19])  # ended, but its parent has not seen it


def _message(path: Path, what: str) -> str:
    holder = _holder(path)
    who = ""
    if holder:
        told = [holder.get(name, "?") for name in ("pid", "host", "since")]
        who = " (process {} on {}, since {})".format(*told)
    where = f"{what}: " if what else ""
    return (
        f"{where}another process works on it in {path.parent}{who}; wait for it, or write to "
        f"another folder. If it is gone, the lock ends {GONE_AFTER_S / 60:g} minutes after its "
        f"last sign of life"
    )


def _give_signs(path: Path, over: threading.Event) -> None:
    while not over.wait(SIGN_EVERY_S):
        with suppress(OSError):
            os.utime(path)
