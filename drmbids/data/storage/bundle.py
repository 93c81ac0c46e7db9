"""A folder of files that is there whole or not at all, with a checksum of each.

Units of work and checkpoints are kept this way: written beside their place under a hidden name,
each file flushed to disk, the manifest last, and renamed. What is read is compared with the
checksums: a file that was cut, changed or put there by something else is never taken for a result.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from drmbids.data.storage.files import unless_stale, write_bytes
from drmbids.data.tools.exceptions import DataError, OutputError

MANIFEST = "manifest.json"

#: Version of the layout of a bundle.
FORMAT_VERSION = 1


def save_bundle(folder: Path, files: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Write a folder of files; one that is there already is replaced.

    Parameters
    ----------
    folder : Path
        What is above it is made where missing.
    files : mapping of str to bytes
        Content by file name.
    about : mapping of str
        What the bundle is, as JSON can hold it; not finite numbers are allowed.

    Raises
    ------
    OutputError
        If it cannot be written; nothing is left behind then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     save_bundle(Path(place) / "a", {"x.txt": b"1"}, {"key": "k"})
    ...     load_bundle(Path(place) / "a", {"key": "k"})
    ({'x.txt': b'1'}, {'key': 'k'})
    """
    stage = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    try:
        write_bundle(stage, files, about)
        try:
            _put_in_place(stage, folder)
        except OSError as error:
            raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def write_bundle(folder: Path, files: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Write the files of a bundle into a folder, which may hold others; the manifest comes last.

    Parameters
    ----------
    folder : Path
    files : mapping of str to bytes
        Content by file name.
    about : mapping of str
        What the bundle is, as JSON can hold it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    manifest = {
        "format_version": FORMAT_VERSION,
        "about": dict(about),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    for name, content in files.items():
        write_bytes(folder / name, content)
    # NaN, a loss that there was none of, is read back by json as it is written
    write_bytes(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())


def _put_in_place(stage: Path, folder: Path) -> None:
    if folder.exists():
        old = stage.with_name(stage.name + "-old")
        folder.rename(old)
        stage.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        stage.rename(folder)
    flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Let the names in a folder survive a power cut, on systems that can do so."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load_bundle(
    folder: Path, expected: Mapping[str, Any]
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the files of a bundle, and what it says about itself.

    Parameters
    ----------
    folder : Path
    expected : mapping of str
        What it has to say about itself.

    Raises
    ------
    DataError
        If there is none, it was written by something else or for something else, or a file is
        missing or was changed.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(unless_stale(path.read_bytes))
        version, about, sums = (manifest[key] for key in ("format_version", "about", "sha256"))
        if version != FORMAT_VERSION:
            raise DataError(f"{path}: format version {version!r}, not {FORMAT_VERSION}")
        files = {name: unless_stale((folder / Path(name).name).read_bytes) for name in sums}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not the manifest of a bundle ({error})") from error
    for key, value in expected.items():
        if about.get(key) != value:
            raise DataError(f"{path}: made for {key} {about.get(key)!r}, not {value!r}")
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != sums[name]:
            raise DataError(f"{folder / name}: its checksum is not that of {MANIFEST}")
    return files, about


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays as the content of a safetensors file."""
    return save({name: np.array(value, order="C", copy=True) for name, value in arrays.items()})


def unpack_arrays(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays in the content of a safetensors file.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        return load(content)
    except SafetensorError as error:
        raise DataError(f"not the content of a safetensors file ({error})") from error
