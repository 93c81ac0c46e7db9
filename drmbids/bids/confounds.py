"""Confound tables: chosen columns, or one of nilearn's denoising strategies."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
from nilearn.interfaces.fmriprep import load_confounds_strategy

from drmbids.bids.problems import Problem, collecting, error, lines, raise_all
from drmbids.bids.tsv import read_numbers, read_table

#: Names that :func:`nilearn.interfaces.fmriprep.load_confounds_strategy` knows.
STRATEGIES = ("simple", "scrubbing", "compcor", "ica_aroma")


def read_confounds(path: str | Path, columns: str | Sequence[str]) -> pd.DataFrame:
    """Read columns of a confounds table.

    Parameters
    ----------
    path : str or Path
        Tab-separated, one row for each volume.
    columns : str or sequence of str
        Names, or shell patterns such as ``trans_*``.

    Returns
    -------
    DataFrame of float64
        In the order of the patterns, then of the file. Derivatives and displacements have no value
        in the first volume (``n/a``); it takes the value of the second, as in nilearn.

    Raises
    ------
    DataError
        If a pattern fits no column, or a value is missing elsewhere or no number.
    """
    path = Path(path)
    table = read_table(path)
    chosen: dict[str, None] = {}
    for pattern in [columns] if isinstance(columns, str) else columns:
        found = [c for c in table.columns if fnmatchcase(c, pattern)]
        if not found:
            known = ", ".join(table.columns[:20])
            more = " ..." if len(table.columns) > 20 else ""
            raise error("CF02", path, f"no column {pattern!r}", f"there are {known}{more}")
        chosen.update(dict.fromkeys(found))
    filled: dict[str, np.ndarray] = {}
    problems: list[Problem] = []
    for column in chosen:
        with collecting(problems):
            filled[column] = _filled(table, column, path)
    raise_all(problems)
    return pd.DataFrame(filled)


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


def load_strategy(bold: Path, strategy: str) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Load the confounds of an fMRIPrep image by one of nilearn's denoising strategies.

    Parameters
    ----------
    bold : Path
        fMRIPrep's ``*_desc-preproc_bold.nii.gz``; nilearn finds the table beside it.
    strategy : {"simple", "scrubbing", "compcor", "ica_aroma"}
        As in :func:`nilearn.interfaces.fmriprep.load_confounds_strategy`. It may bring cosine
        drifts: choose the drift model of the analysis accordingly.

    Returns
    -------
    confounds : DataFrame
        One row for each volume.
    sample_mask : array of int or None
        Volumes to keep; None for all.

    Raises
    ------
    DataError
        If nilearn cannot load them.
    """
    try:
        # nilearn's warnings name columns it did not find; they reach the user as they are
        confounds, kept = load_confounds_strategy(str(bold), denoise_strategy=strategy)
    except (ValueError, OSError, KeyError) as fault:
        reason = " ".join(str(fault).split())
        remedy = "it needs fMRIPrep's names (*_desc-preproc_bold.nii.gz), else give column names"
        raise error(
            "CF05", bold, f"confounds strategy {strategy!r} fails: {reason}", remedy
        ) from fault
    if confounds is None:
        found = f"strategy {strategy!r} finds no confounds for this image"
        raise error("CF05", bold, found, "give column names")
    return confounds.astype(np.float64), kept
