"""Writing files so that a reader finds the old content or the new, never half of it."""

import errno
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from drmbids.data.tools.exceptions import OutputError

_T = TypeVar("_T")

#: Seconds before a file that a network file system lost from sight is looked for again.
WAITS_S = (0.1, 1.0, 5.0)


def unless_stale(work: Callable[[], _T]) -> _T:
    """Return what work gives, tried again where a network file system lost a file from sight.

    A file that another machine replaced leaves a stale handle (``ESTALE``), once: opened again, it
    is the new file.

    Parameters
    ----------
    work : callable
        May be done more than once.
    """
    for wait in WAITS_S:
        try:
            return work()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            time.sleep(wait)
    return work()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in the same folder, flush it to disk, and rename it.

    Parameters
    ----------
    path : Path
        Its folder is made where missing.
    content : bytes

    Raises
    ------
    OutputError
        If the file cannot be written; nothing is left behind then.
    """
    try:
        unless_stale(lambda: _write(path, content))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _write(path: Path, content: bytes) -> None:
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner can read; results are shared in a lab
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except OSError:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text file; see :func:`write_bytes`."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, indented, NaN refused; see :func:`write_bytes`."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
