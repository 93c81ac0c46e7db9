"""Images and tables in memory, written to files for a while: one way to read them, one to check."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from drmbids.bids.files.tsv import MISSING
from drmbids.data.tools.exceptions import UsageError

# Endings of the files that images of a kind are written to.
_ENDINGS = {nib.Cifti2Image: ".dtseries.nii", nib.GiftiImage: ".func.gii"}


@contextmanager
def as_files(**given: Any) -> Iterator[dict[str, Any]]:
    """Yield paths in place of what is in memory, while the context lasts.

    Parameters
    ----------
    **given : path, image of nibabel, DataFrame, mapping of them or None
        By the name of the argument. Paths, and None, stay as they are; an image that nibabel has
        not changed since it opened its file is that file.

    Yields
    ------
    dict of str to (Path, mapping of str to Path, or None)

    Raises
    ------
    UsageError
        If something else is given.
    """
    with tempfile.TemporaryDirectory(prefix="drmbids-") as folder:
        yield {name: _path(name, value, Path(folder)) for name, value in given.items()}


def _path(name: str, value: Any, folder: Path) -> Any:
    """Return the path of a file with the content of an argument."""
    if value is None:
        return None
    if isinstance(value, str | Path):
        return Path(value)
    if isinstance(value, dict):
        return {key: _path(f"{name}-{key}", part, folder) for key, part in value.items()}
    if isinstance(value, pd.DataFrame):
        path = folder / f"{name}.tsv"
        value.to_csv(path, sep="\t", index=False, na_rep=MISSING)
        return path
    if isinstance(value, nib.filebasedimages.FileBasedImage):
        return _image(name, value, folder)
    raise UsageError(
        f"{name}: a {type(value).__name__} cannot be read; give the path of a file, an image of "
        "nibabel or a pandas DataFrame, or build Run(responses={name: Stream(values, times)}, ...) "
        "from arrays"
    )


def _image(name: str, image: Any, folder: Path) -> Path:
    """Return the file of an image, written as it is in memory where it is not its file."""
    file = image.get_filename()
    proxy = getattr(image, "dataobj", None)
    if file is not None and nib.is_proxy(proxy) and not image.in_memory and Path(file).is_file():
        return Path(file)
    ending = next((e for kind, e in _ENDINGS.items() if isinstance(image, kind)), ".nii")
    path = folder / f"{name}{ending}"
    if ending == ".nii":
        values = image.get_fdata() if image.in_memory else np.asanyarray(proxy)
        header = image.header if isinstance(image.header, nib.Nifti1Header) else None
        image = nib.Nifti1Image(values, image.affine, header, dtype=_writable(values))
        image.header.set_slope_inter(1, 0)
    nib.save(image, path)
    return path


def _writable(values: np.ndarray) -> np.dtype:
    """Return a type of numbers that a NIfTI file holds without loss."""
    return np.dtype(np.uint8) if values.dtype == bool else values.dtype
