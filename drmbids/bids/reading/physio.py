"""Recordings of heart and breath: ``*_physio.tsv.gz`` with what their sidecars say of them."""

import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drmbids.bids.files.dataset import open_dataset
from drmbids.bids.files.entities import BIDSName
from drmbids.bids.files.problems import error
from drmbids.data.runs.stream import Stream

_REMEDY = "repair the recording or its sidecar, or go without it"


def read_recording(path: Path, metadata: Mapping[str, Any], code: str = "PH01") -> Stream:
    """Read a recording.

    Parameters
    ----------
    path : Path
        Packed, tab-separated, without a header; ``n/a`` is missing.
    metadata : mapping
        ``Columns``, ``SamplingFrequency`` in Hz and ``StartTime`` in seconds from the first
        volume, negative where the recording began before it.
    code : str
        Code of what is wrong with it.

    Returns
    -------
    Stream
        The first sample at ``StartTime``, NaN where missing.

    Raises
    ------
    DataError
        If the metadata lack something, or the file is damaged or has other columns.
    """
    columns, rate, start = (metadata.get(k) for k in ("Columns", "SamplingFrequency", "StartTime"))
    named = isinstance(columns, list) and all(isinstance(c, str) for c in columns)
    if not named or not _number(rate) or rate <= 0 or not _number(start):
        found = f"Columns {columns!r}, SamplingFrequency {rate!r}, StartTime {start!r} in its JSON"
        raise error(code, path, found, _REMEDY)
    try:
        text = gzip.decompress(path.read_bytes())
        table = pd.read_csv(io.BytesIO(text), sep="\t", header=None, na_values="n/a", dtype=float)
    except (OSError, EOFError, zlib.error, ValueError) as fault:
        raise error(
            code, path, f"cannot be read: {' '.join(str(fault).split())}", _REMEDY
        ) from fault
    if table.shape[1] != len(columns):
        found = f"{table.shape[1]} columns, but its sidecar names {len(columns)}"
        raise error(code, path, found, _REMEDY)
    times = float(start) + np.arange(len(table)) / float(rate)
    return Stream(table.to_numpy(), times, columns)


def read_recordings(paths: Sequence[Path], root: Path, code: str = "PH01") -> list[Stream]:
    """Read the recordings of a run.

    Parameters
    ----------
    paths : sequence of Path
    root : Path
        Dataset that they are in; their sidecars may lie in any folder above them.
    code : str
        Code of what is wrong with one.

    Raises
    ------
    DataError
        If one cannot be used.
    """
    dataset = open_dataset(root)
    names = [BIDSName.parse(path) for path in paths]
    return [read_recording(n.path, dataset.metadata(n), code) for n in names if n is not None]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
