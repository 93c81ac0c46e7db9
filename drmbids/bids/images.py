"""NIfTI images, checked to their last byte before a number in them is believed."""

import gzip
import warnings
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nilearn.image import smooth_img

from drmbids.core.exceptions import DataError, DataWarning

#: Images on one grid agree to this many millimetres in their affines.
AFFINE_TOLERANCE = 1e-3

_CHUNK = 2**20  # bytes read at a time
_BLOCK = 2**23  # voxels held in memory at a time, 64 MB in float64
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}


def open_image(path: Path) -> Any:
    """Return an image whose file is whole; its data stay on disk.

    nibabel reads a damaged ``.nii.gz`` without a word in most cases, since it stops before the
    checksum at the end; so every gzip file is read to its end once.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``.

    Returns
    -------
    nibabel image

    Raises
    ------
    DataError
        If the file is missing, empty, not downloaded (git-annex), no NIfTI image, damaged or
        cut, or has no orientation.
    """
    _check_start(path)
    size = _gzip_size(path) if path.name.endswith(".gz") else path.stat().st_size
    try:
        image: Any = nib.load(path)
        affine = image.affine
        proxy = image.dataobj
        needed = proxy.offset + int(np.prod(proxy.shape, dtype=object)) * proxy.dtype.itemsize
    except (ImageFileError, HeaderDataError, AttributeError, OSError, ValueError) as error:
        raise DataError(f"{path}: no readable NIfTI image: {_line(error)}") from error
    if not all(n > 0 for n in proxy.shape):
        raise DataError(f"{path}: the header states the shape {proxy.shape}; the file is damaged")
    if size < needed:
        raise DataError(
            f"{path}: the file is cut: it holds {size} bytes, its header {proxy.shape} needs "
            f"{needed}; copy or download it again"
        )
    if proxy.dtype.kind not in "iuf":
        raise DataError(f"{path}: voxels of type {proxy.dtype}; real numbers are needed")
    if affine is None or not np.isfinite(affine).all() or np.linalg.det(affine[:3, :3]) == 0:
        raise DataError(f"{path}: the header has no valid affine; repair its sform or qform")
    return image


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _check_start(path: Path) -> None:
    """Raise if the file is absent, or its first bytes are not those of an image."""
    if not path.exists():
        if path.is_symlink():
            raise DataError(
                f"{path}: content not downloaded, the link leads nowhere; run `datalad get {path}`"
            )
        raise DataError(f"{path}: no such file; check the path")
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise DataError(f"{path}: the file is empty (0 bytes); copy or download it again")
    if b"annex/objects" in start:
        raise DataError(
            f"{path}: content not downloaded, this is a git-annex pointer; run `datalad get {path}`"
        )
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise DataError(f"{path}: a web page, not an image; download the file again")
    if not path.name.endswith((".nii", ".nii.gz")):
        raise DataError(f"{path}: not a NIfTI file by its name; .nii and .nii.gz are read")
    packed = start.startswith(b"\x1f\x8b")
    if path.name.endswith(".gz") and not packed:
        raise DataError(f"{path}: not gzip-compressed; if it is an image, rename it to .nii")
    if path.name.endswith(".nii") and packed:
        raise DataError(f"{path}: gzip-compressed; rename it to .nii.gz")


def _gzip_size(path: Path) -> int:
    """Return the unpacked size of a gzip file, after checking its checksum."""
    size = 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read1(_CHUNK):
                size += len(chunk)
    except EOFError as error:
        raise DataError(
            f"{path}: the file is cut after {size} unpacked bytes; copy or download it again"
        ) from error
    except (OSError, zlib.error) as error:
        if str(error).startswith("Not a gzipped file"):
            # the stream itself ended well, checksum and all; what follows it belongs to nothing
            warnings.warn(f"{path}: bytes after the end of the image", DataWarning, stacklevel=3)
            return size
        raise DataError(
            f"{path}: damaged after {size} unpacked bytes ({_line(error)}); "
            "copy or download it again"
        ) from error
    return size


def name_of(image: Any) -> str:
    """Return the file of an image, or what it is when it has none."""
    return str(image.get_filename() or "the image given")


def header_tr(image: Any) -> float | None:
    """Return the seconds between volumes that the header states, None if it states none.

    A header without a unit of time states nothing: programs leave 1 or 0 there.
    """
    try:
        unit = image.header.get_xyzt_units()[1]
    except KeyError:  # a unit that NIfTI does not know
        return None
    value = float(image.header.get_zooms()[3])
    return value * _SECONDS[unit] if unit in _SECONDS and value > 0 else None


def same_grid(shape: Any, affine: np.ndarray, image: Any) -> bool:
    """Return whether an image has the shape and the affine."""
    return tuple(image.shape[:3]) == tuple(shape) and bool(
        np.allclose(image.affine, affine, rtol=0, atol=AFFINE_TOLERANCE)
    )


def check_grid(regions: Any, bold: Any) -> None:
    """Raise DataError unless two images have one shape and one affine; nothing is resampled.

    Parameters
    ----------
    regions, bold : nibabel image
        The second one says what the grid has to be.
    """
    remedy = "bring the first to the grid of the second with nilearn.image.resample_to_img"
    one, two = name_of(regions), name_of(bold)
    if tuple(regions.shape[:3]) != tuple(bold.shape[:3]):
        raise DataError(
            f"{one} and {two} have different shapes, {tuple(regions.shape[:3])} and "
            f"{tuple(bold.shape[:3])}; {remedy}"
        )
    if not same_grid(bold.shape[:3], bold.affine, regions):
        raise DataError(
            f"{one} and {two} have different affines, {_affine(regions)} and {_affine(bold)}; "
            f"{remedy}"
        )


def _affine(image: Any) -> str:
    return str(np.round(image.affine[:3], 3).tolist())


def voxel_series(image: Any, voxels: np.ndarray, smoothing_fwhm: float | None = None) -> np.ndarray:
    """Return the series of some voxels.

    Parameters
    ----------
    image : nibabel image
        4-D; read a block of volumes at a time.
    voxels : array of int of shape (n_voxels, 3)
        Indices.
    smoothing_fwhm : float, optional
        Full width at half maximum in mm of a Gaussian put over the whole image first
        (:func:`nilearn.image.smooth_img`).

    Returns
    -------
    array of shape (n_volumes, n_voxels)
        float64 as stored, or float32 accuracy after smoothing.
    """
    if smoothing_fwhm is not None:
        data = smooth_img(image, smoothing_fwhm).dataobj
    elif image.get_filename():
        # an open handle lets one block after the other be read without unpacking from the start
        opened: Any = nib.load(image.get_filename(), keep_file_open=True)
        data = opened.dataobj
    else:
        data = image.dataobj
    n_volumes = image.shape[3]
    step = max(1, _BLOCK // int(np.prod(image.shape[:3])))
    series = np.empty((n_volumes, len(voxels)))
    i, j, k = voxels.T
    for start in range(0, n_volumes, step):
        block = np.asanyarray(data[..., start : start + step])
        series[start : start + step] = block[i, j, k].T
    return series
