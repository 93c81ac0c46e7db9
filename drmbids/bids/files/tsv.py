"""Tables in BIDS' tab-separated form, read strictly: nothing shifts, vanishes or turns to text."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

from drmbids.bids.files.problems import error, lines

MISSING = "n/a"


def read_table(path: Path) -> pd.DataFrame:
    """Return a tab-separated table as text, indexed by the line in the file.

    pandas' own reader takes an extra field in every row for an index, so that all columns
    shift, and reads the condition ``None`` as missing; this one does neither.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte order mark; the first line names the columns. Blanks around
        names are taken off.

    Returns
    -------
    DataFrame of str
        Index: line number in the file, the header being line 1.

    Raises
    ------
    DataError
        If the file is not there, empty, not UTF-8, has two columns of one name, or a row with
        more or fewer fields than the header.
    """
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
    numbers, rows, uneven = [], [], {}
    try:
        header = [name.strip() for name in next(reader)]
        for row in reader:
            if row and len(row) != len(header):
                uneven[reader.line_num] = len(row)
            elif row:
                numbers.append(reader.line_num)
                rows.append(row)
    except csv.Error as fault:
        where = f"line {reader.line_num}"
        raise error("TB02", path, str(fault), "close the quote, or remove it", where) from fault
    if uneven:
        found = f"{next(iter(uneven.values()))} fields, but the header has {len(header)}"
        raise error("TB02", path, found, "fields are separated by single tabs", lines(uneven))
    repeated = sorted({c for c in header if header.count(c) > 1})
    if repeated:
        found = f"the header names column {repeated[0]!r} twice"
        raise error("TB02", path, found, "rename one", "line 1")
    return pd.DataFrame(rows, index=pd.Index(numbers, dtype=int), columns=header, dtype=str)


def _text(path: Path) -> str:
    """Return the text of a file that can be a table."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        found = f"not UTF-8 text (byte {fault.start}: {fault.reason})"
        raise error("TB01", path, found, "save it as UTF-8") from fault
    except OSError as fault:
        found = f"cannot be read: {fault.strerror}"
        raise error("TB01", path, found, "check that it is there and may be read") from fault
    if not text.strip():
        remedy = "it needs at least a line of column names"
        raise error("TB01", path, "the file is empty", remedy)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        remedy = "the file is damaged or not text: copy or download it again"
        raise error("TB01", path, "a NUL byte", remedy, f"line {line}")
    return text


def require_columns(table: pd.DataFrame, columns: list[str], path: Path) -> None:
    """Raise DataError if the table lacks one of the columns."""
    missing = [c for c in columns if c not in table.columns]
    if missing:
        header = ", ".join(repr(c) for c in table.columns[:10])
        hint = "is the file separated by tabs?" if len(table.columns) == 1 else "add or rename it"
        raise error("TB03", path, f"no column {missing[0]!r}, its header has {header}", hint)


def read_numbers(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """Return a column as float64, NaN for ``n/a``.

    Parameters
    ----------
    table : DataFrame of str
        As :func:`read_table` returns it.
    column : str
        Its name.
    path : Path
        Named in the message.

    Returns
    -------
    array of shape (n_rows,)

    Raises
    ------
    DataError
        If a field is neither a finite number nor ``n/a``, with its line.
    """
    fields = table[column].str.strip()
    missing = (fields == MISSING).to_numpy()
    values = pd.to_numeric(fields.where(~missing), errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(values) & ~missing
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        field = fields.iloc[row]
        hint = "write a decimal point" if "," in field else "write a number or n/a"
        found = f"{column} {field!r} is not a finite number"
        raise error("TB04", path, found, hint, lines(table.index[bad]))
    return values
