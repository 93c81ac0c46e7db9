"""NIfTI images, checked to their last byte before a number in them is believed."""

import gzip
import zlib
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import nibabel as nib
import numpy as np
from nibabel.cifti2 import Cifti2HeaderError
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nilearn.image import smooth_img

from drmbids.bids.files.problems import error, warn

#: Images on one grid agree to this many millimetres in their affines.
AFFINE_TOLERANCE = 1e-3

_CHUNK = 2**20  # bytes read at a time
# A packed file that grows so many times beyond so many bytes was made to fill a disk or a memory:
# noise keeps measured images below a ratio of 20, and deflate itself reaches 1032.
_BOMB_RATIO, _BOMB_BYTES = 200, 2**32
_BLOCK = 2**23  # voxels held in memory at a time, 64 MB in float64
_AGAIN = "convert or download it again"
#: What nibabel raises for files that it cannot make sense of.
UNREADABLE = (
    *(ImageFileError, HeaderDataError, Cifti2HeaderError, ExpatError),
    *(AttributeError, KeyError, OSError, ValueError, zlib.error),
)
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
        cut, holds more or less than its header states, or has no orientation.
    """
    image, _ = read_header(path)
    try:
        affine: Any = image.affine
    except (AttributeError, HeaderDataError, ValueError) as fault:
        found = f"no readable NIfTI image: {one_line(fault)}"
        raise error("IM08", path, found, _AGAIN) from fault
    if affine is None or not np.isfinite(affine).all() or np.linalg.det(affine[:3, :3]) == 0:
        found = "the header has no valid affine"
        raise error("IM08", path, found, "repair its sform or qform")
    return image


def read_header(path: Path) -> tuple[Any, Any]:
    """Return an image in a NIfTI container, CIFTI-2 too, and the proxy of its data.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``; read to its end.

    Raises
    ------
    DataError
        If the file is not whole, or holds no real numbers.
    """
    check_start(path, b"")
    if not path.name.endswith((".nii", ".nii.gz")):
        raise error("IM03", path, "not a NIfTI file by its name", ".nii and .nii.gz are read")
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if path.name.endswith(".gz") and not packed:
        raise error("IM03", path, "not gzip-compressed", "if it is an image, rename it to .nii")
    if path.name.endswith(".nii") and packed:
        raise error("IM03", path, "gzip-compressed", "rename it to .nii.gz")
    size = _gzip_size(path) if path.name.endswith(".gz") else path.stat().st_size
    try:
        image: Any = nib.load(path)
        proxy = image.dataobj
        needed = proxy.offset + int(np.prod(proxy.shape, dtype=object)) * proxy.dtype.itemsize
    except UNREADABLE as fault:
        raise error("IM08", path, f"no readable NIfTI image: {one_line(fault)}", _AGAIN) from fault
    if not all(n > 0 for n in proxy.shape):
        found = f"the header states the shape {proxy.shape}"
        raise error("IM08", path, found, "the file is damaged: convert or download it again")
    if size == proxy.offset:
        found = f"the image holds no data, only a header of shape {proxy.shape}"
        raise error("IM06", path, found, "copy or download the whole file")
    if size < needed:
        found = f"the file is cut: it holds {size} bytes, its header {proxy.shape} needs {needed}"
        raise error("IM05", path, found, "copy or download it again")
    if path.name.endswith(".gz") and size > needed + _CHUNK:
        found = f"unpacked it holds {size} bytes, its header {proxy.shape} needs {needed}"
        raise error("IM07", path, found, "the file is damaged: convert or download it again")
    if proxy.dtype.kind not in "iuf":
        found = f"voxels of type {proxy.dtype}"
        raise error("IM08", path, found, "real numbers are needed: convert the image")
    return image, proxy


def one_line(fault: Exception) -> str:
    """Return what an error of another library says, in one line."""
    return " ".join(str(fault).split()) or type(fault).__name__


def check_start(path: Path, mark: bytes) -> None:
    """Raise if a file is absent, empty, not downloaded or a web page.

    Parameters
    ----------
    path : Path
    mark : bytes
        What its first bytes must hold; anything where empty.

    Raises
    ------
    DataError
    """
    if not path.exists():
        if path.is_symlink():
            found = "content not downloaded, the link leads nowhere"
            raise error("IM01", path, found, f"run `datalad get {path}`")
        raise error("IM01", path, "no such file", "check the path")
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise error("IM02", path, "the file is empty (0 bytes)", "copy or download it again")
    if b"annex/objects" in start:
        found = "content not downloaded, this is a git-annex pointer"
        raise error("IM01", path, found, f"run `datalad get {path}`")
    text = start.lstrip().lower()
    pages = (b"<!doctype html", b"<html") if mark else (b"<!doctype", b"<html", b"<?xml")
    if text.startswith(pages):
        raise error("IM02", path, "a web page, not an image", "download the file again")
    if mark not in start:
        raise error("IM02", path, f"no {mark.decode()} in its first bytes", _AGAIN)


def _gzip_size(path: Path) -> int:
    """Return the unpacked size of a gzip file, after checking its checksum."""
    size = 0
    limit = max(_BOMB_BYTES, _BOMB_RATIO * path.stat().st_size)
    try:
        with gzip.open(path) as file:
            while chunk := file.read1(_CHUNK):
                size += len(chunk)
                if size > limit:
                    found = f"unpacks to more than {_BOMB_RATIO} times its size"
                    raise error("IM07", path, found, "no measured image does: unpack it yourself")
    except EOFError as fault:
        found = f"the file is cut after {size} unpacked bytes"
        raise error("IM04", path, found, "copy or download it again") from fault
    except (OSError, zlib.error) as fault:
        if str(fault).startswith("Not a gzipped file"):
            # the stream itself ended well, checksum and all; what follows it belongs to nothing
            warn("IM09", path, "bytes after the end of the image", "copy or download it again")
            return size
        found = f"damaged after {size} unpacked bytes ({one_line(fault)})"
        raise error("IM04", path, found, "copy or download it again") from fault
    return size


def name_of(image: Any) -> str:
    """Return the file of an image, or what it is when it has none."""
    return str(image.get_filename() or "the image given")


def header_tr(image: Any) -> float | None:
    """Return the seconds between volumes that the header states, None if it states none.

    A header without a unit of time states nothing: programs leave 1 or 0 there.
    """
    return _seconds(image, image.header.get_zooms()[3])


def header_start(image: Any) -> float | None:
    """Return the seconds from time 0 to the first volume that the header states (``toffset``).

    None where it is 0, or without a unit of time.
    """
    return _seconds(image, image.header["toffset"])


def _seconds(image: Any, value: Any) -> float | None:
    """Return a positive number in the header's unit of time as seconds."""
    try:
        unit = image.header.get_xyzt_units()[1]
    except KeyError:  # a unit that NIfTI does not know
        return None
    return float(value) * _SECONDS[unit] if unit in _SECONDS and value > 0 else None


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
        shapes = f"{tuple(regions.shape[:3])} and {tuple(bold.shape[:3])}"
        raise error("IM14", f"{one} and {two}", f"have different shapes, {shapes}", remedy)
    if not same_grid(bold.shape[:3], bold.affine, regions):
        affines = f"{_affine(regions)} and {_affine(bold)}"
        raise error("IM14", f"{one} and {two}", f"have different affines, {affines}", remedy)


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
