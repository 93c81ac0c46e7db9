"""Writing files so that a reader finds the old content or the new, never half of it."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from drmbids.core.exceptions import OutputError


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
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text file; see :func:`write_bytes`."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, indented, NaN refused; see :func:`write_bytes`."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
