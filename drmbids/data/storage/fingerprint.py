"""A hash of data and settings: equal for equal content, whatever file or process it comes from."""

import hashlib
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np

from drmbids.data.tools.exceptions import UsageError

#: Parameters of estimators, and fields of data, that change no number: callbacks are shown how a
#: fit goes on.
NOT_NUMERIC = ("callbacks", "n_jobs", "sources", "timing", "verbose")


def fingerprint(*values: Any) -> str:
    """Return the SHA-256, in hexadecimal, of any nest of data and settings.

    Arrays, runs, plain values, settings classes, models, estimators, nets, and functions by their
    names and code (that of functions which they call does not count).
    An array in a file (memory-mapped) counts by the name, size and time of its file: hashing it
    would read all of it. Of a parameter that names a file, the content counts as well.

    Parameters
    ----------
    *values
        What is to be told apart.

    Raises
    ------
    UsageError
        If something has no content that could be told apart.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})  # regions have an order
    False
    >>> fingerprint(1) == fingerprint(1.0), fingerprint("1") == fingerprint(1)
    (False, False)
    >>> fingerprint(np.zeros(3)) == fingerprint(np.zeros(3, np.float32))
    False
    """
    digest = hashlib.sha256()
    for value in values:
        digest.update(_digest(value))
    return digest.hexdigest()


def _digest(value: Any) -> bytes:
    """Return the hash of one value, of fixed length, so that nests cannot be mistaken."""
    return hashlib.sha256(b"".join(_parts(value))).digest()


@singledispatch
def _parts(value: Any) -> list[bytes]:
    """Return what is hashed of a value: its kind, and hashes of its content."""
    kind = _name(type(value))
    if is_dataclass(value):
        told = [f.name for f in fields(value) if f.name not in NOT_NUMERIC]
        return [kind, *(_digest(getattr(value, name)) for name in told)]
    if hasattr(value, "model_dump"):
        return [kind, _digest(value.model_dump(mode="json", by_alias=True))]
    if hasattr(value, "get_params"):
        settings = value.get_params(deep=False)
        told = {name: _of_parameter(v) for name, v in settings.items() if name not in NOT_NUMERIC}
        return [kind, _digest(told)]
    if callable(value) and hasattr(value, "__qualname__") and "<" not in value.__qualname__:
        return [b"callable", _name(value), *_code(value)]
    if hasattr(value, "detach"):  # a tensor of torch, which is not loaded here
        tensor: Any = value
        return [b"tensor", _digest(tensor.detach().cpu().numpy())]
    if getattr(value, "__dict__", None):  # splitters of scikit-learn and nets, for example
        state = value.__getstate__()  # without what a net keeps for speed
        return [kind, _digest(state if isinstance(state, dict) else vars(value))]
    raise UsageError(f"{kind.decode()} cannot be told apart from others of its kind: {value!r:.80}")


def _code(function: Any) -> list[bytes]:
    """Return the instructions and constants of a Python function; nothing of another callable."""
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    constants = [c for c in code.co_consts if isinstance(c, str | bytes | int | float | None)]
    return [code.co_code, repr((code.co_names, constants)).encode()]


def _name(thing: Any) -> bytes:
    return f"{thing.__module__}.{thing.__qualname__}".encode()


def _of_parameter(value: Any) -> Any:
    """Return a parameter, with the content of the file that it names."""
    if isinstance(value, str | Path) and len(str(value)) < 4096 and Path(value).is_file():
        return "file", Path(value).read_bytes()
    return value


@_parts.register
def _(value: None) -> list[bytes]:
    return [b"none"]


@_parts.register(bool)
@_parts.register(int)
@_parts.register(float)
@_parts.register(str)
def _plain(value: Any) -> list[bytes]:
    return [type(value).__name__.encode(), repr(value).encode()]


@_parts.register
def _(value: bytes) -> list[bytes]:
    return [b"bytes", value]


@_parts.register
def _(value: Path) -> list[bytes]:
    return [b"path", str(value).encode()]


@_parts.register
def _(value: np.generic) -> list[bytes]:
    return [b"number", value.dtype.str.encode(), value.tobytes()]


@_parts.register
def _(value: np.ndarray) -> list[bytes]:
    head = [b"array", value.dtype.str.encode(), repr(value.shape).encode()]
    if isinstance(value, np.memmap) and value.filename is not None:
        file = Path(value.filename)
        told = file.stat()
        stamp = (str(file), told.st_size, told.st_mtime_ns, value.offset)
        # a slice keeps the offset of what it was cut from
        base: Any = value
        while isinstance(base.base, np.memmap):
            base = base.base
        start = value.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        return [*head, repr((*stamp, start, value.strides)).encode()]
    if value.dtype.hasobject:
        return [*head, *(_digest(x) for x in value.ravel().tolist())]
    return [*head, np.ascontiguousarray(value).tobytes()]


@_parts.register
def _(value: Mapping) -> list[bytes]:
    # in their order: predictions and weights are side by side as regions and populations are
    return [b"mapping", *(_digest(k) + _digest(v) for k, v in value.items())]


@_parts.register(list)
@_parts.register(tuple)
def _sequence(value: Any) -> list[bytes]:
    return [b"sequence", *(_digest(x) for x in value)]


@_parts.register
def _(value: Set) -> list[bytes]:
    return [b"set", *sorted(_digest(x) for x in value)]


@_parts.register
def _(value: range) -> list[bytes]:
    return [b"range", repr(value).encode()]
