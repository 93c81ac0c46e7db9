"""Confound tables: chosen columns, or one of nilearn's denoising strategies."""

import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
from nilearn.interfaces.fmriprep import load_confounds_strategy

from drmbids.bids.files.problems import Problem, collecting, error, lines, raise_all, warn
from drmbids.bids.files.tsv import read_numbers, read_table

#: Names that :func:`nilearn.interfaces.fmriprep.load_confounds_strategy` knows.
STRATEGIES = ("simple", "scrubbing", "compcor", "ica_aroma")


# What stands for several columns in a pattern of the shell.
_WILDCARDS = frozenset("*?[")


def check_patterns(tables: Mapping[str, Path], columns: str | Sequence[str]) -> None:
    """Hold patterns of confounds against the tables of all runs of an analysis.

    fMRIPrep writes columns such as ``motion_outlier00`` only in runs that have outliers, so a
    pattern that fits in some runs adds nothing in the others.

    Parameters
    ----------
    tables : mapping of str to Path
        Confounds table of each run, by its label.
    columns : str or sequence of str
        Names, or shell patterns.

    Raises
    ------
    DataError
        If a pattern fits no column of any table.
    """
    known: dict[str, list[str]] = {}
    for run, path in tables.items():
        with collecting([]):  # a table that cannot be read is told of where its run is read
            known[run] = list(read_table(path).columns)
    for pattern in [columns] if isinstance(columns, str) else columns:
        if not known or not _WILDCARDS & set(pattern):
            continue
        fitting = {
            run: [c for c in names if fnmatchcase(c, pattern)] for run, names in known.items()
        }
        found = {column for names in fitting.values() for column in names}
        without = [run for run, names in fitting.items() if not names]
        if not found:
            first = next(iter(known))
            more = f" nor of {len(known) - 1} more runs" if len(known) > 1 else ""
            what = f"no column fits {pattern!r} in this table{more}"
            raise error("CF02", tables[first], what, _known_columns(known[first]))
        if without and not all("outlier" in column for column in found):
            what = f"{pattern!r} fits no column here, but {', '.join(sorted(found)[:3])} elsewhere"
            remedy = "check that all runs were preprocessed alike"
            warn("CF06", ", ".join(without[:5]), what, remedy)


def _known_columns(names: Sequence[str]) -> str:
    """Return the columns that there are, in words."""
    return f"there are {', '.join(names[:20])}" + (" ..." if len(names) > 20 else "")


def read_confounds(path: str | Path, columns: str | Sequence[str]) -> pd.DataFrame:
    """Read columns of a confounds table.

    Parameters
    ----------
    path : str or Path
        Tab-separated, one row for each volume.
    columns : str or sequence of str
        Names, or shell patterns such as ``trans_*``, which may fit nothing.

    Returns
    -------
    DataFrame of float64
        In the order of the patterns, then of the file. Derivatives and displacements have no value
        in the first volume (``n/a``); it takes the value of the second, as in nilearn.

    Raises
    ------
    DataError
        If a name is no column, or a value is missing elsewhere or no number.
    """
    path = Path(path)
    table = read_table(path)
    chosen: dict[str, None] = {}
    for pattern in [columns] if isinstance(columns, str) else columns:
        found = [c for c in table.columns if fnmatchcase(c, pattern)]
        if not found and not _WILDCARDS & set(pattern):
            raise error("CF02", path, f"no column {pattern!r}", _known_columns(table.columns))
        chosen.update(dict.fromkeys(found))
    filled: dict[str, np.ndarray] = {}
    problems: list[Problem] = []
    for column in chosen:
        with collecting(problems):
            filled[column] = _filled(table, column, path)
    raise_all(problems)
    return pd.DataFrame(filled, index=range(len(table)))


def _filled(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """Return a column with the first row filled; another missing value is an error."""
    values = read_numbers(table, column, path)
    if len(values) > 1 and np.isnan(values[0]):
        values = np.concatenate([values[1:2], values[1:]])
    missing = np.isnan(values)
    if missing.any():
        remedy = "only the first volume may lack it: drop the column or fill it"
        where = lines(table.index[missing])
        raise error("CF03", path, f"{column} is missing (n/a)", remedy, where)
    return values


def load_strategy(bold: Path, strategy: str, table: Path) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Load the confounds of an fMRIPrep image by one of nilearn's denoising strategies.

    Parameters
    ----------
    bold : Path
        fMRIPrep's ``*_desc-preproc_bold.nii.gz``.
    strategy : {"simple", "scrubbing", "compcor", "ica_aroma"}
        As in :func:`nilearn.interfaces.fmriprep.load_confounds_strategy`. It may bring cosine
        drifts: choose the drift model of the analysis accordingly.
    table : Path
        Confounds of this image.

    Returns
    -------
    confounds : DataFrame
        One row for each volume.
    sample_mask : array of int or None
        Volumes to keep; None for all.

    Raises
    ------
    DataError
        If nilearn cannot load them, or no volume is to be kept.
    """
    try:
        # nilearn's warnings name columns it did not find; they reach the user as they are
        confounds, kept = _load_alone(bold, strategy, table)
    except (ValueError, OSError, KeyError) as fault:
        reason = " ".join(str(fault).split())
        remedy = "it needs fMRIPrep's names (*_desc-preproc_bold.nii.gz), else give column names"
        raise error(
            "CF05", bold, f"confounds strategy {strategy!r} fails: {reason}", remedy
        ) from fault
    if confounds is None:
        found = f"strategy {strategy!r} finds no confounds for this image"
        raise error("CF05", bold, found, "give column names")
    if kept is not None and not len(kept):
        found = f"strategy {strategy!r} scrubs all {len(confounds)} volumes"
        raise error("CF07", table, found, "leave the run out, or take another strategy")
    return confounds.astype(np.float64), kept


def _load_alone(bold: Path, strategy: str, table: Path) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Return what nilearn loads where no other run's table is near, which it might take."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # told as an error of the run
        warnings.filterwarnings("ignore", "All volumes were marked as motion outliers")
        for path in (table, table.with_suffix(".json")):
            if path.is_file():
                shutil.copy(path, folder)
        try:
            return load_confounds_strategy(str(Path(folder) / bold.name), denoise_strategy=strategy)
        except (ValueError, OSError, KeyError) as fault:
            raise ValueError(str(fault).replace(folder, str(table.parent))) from fault
