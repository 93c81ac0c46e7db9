"""How much memory the analysis of a participant takes, from the headers of its images."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nibabel as nib

from drmbids.bids.find import RunFiles, find_runs
from drmbids.core.exceptions import DRMError
from drmbids.workflows.config import Config
from drmbids.workflows.preflight import run_query

#: Megabytes of a process with all libraries loaded, before any data.
BASE_MB = 700.0

# A rough upper estimate: an image is read whole, in float64; of it about a third are voxels of
# regions, whose series are there as read, and, in float32, as a model takes them and predicts them.
_IN_REGIONS, _COPIES, _BYTES = 1 / 3, 2, 8


def needed_mb(shapes: Iterable[tuple[int, ...]]) -> float:
    """Return about how many megabytes the analysis of images of these shapes takes.

    Parameters
    ----------
    shapes : iterable of tuple of int
        One for each run.

    Examples
    --------
    >>> round(needed_mb([(60, 70, 60, 300)] * 4))
    2918
    """
    sizes = [_BYTES * math.prod(shape) / 1e6 for shape in shapes]
    return BASE_MB + max(sizes, default=0.0) + sum(sizes) * _IN_REGIONS * _COPIES


def participant_mb(config: Config, subject: str) -> float:
    """Return about how many megabytes the analysis of a participant takes.

    Parameters
    ----------
    config : Config
    subject : str
        Label without ``sub-``.
    """
    try:
        files = find_runs(config.bids_dir, **run_query(config, subject))
        return needed_mb(_shape(path) for file in files for path in _paths(file))
    except (DRMError, OSError, nib.filebasedimages.ImageFileError):
        return BASE_MB  # the check of the participant says what is wrong with it


def _paths(file: RunFiles) -> list[Path]:
    """Return the images of a run: one, or that of each hemisphere."""
    return list(file.hemispheres.values()) or [file.bold]


def _shape(path: Path) -> tuple[int, ...]:
    """Return the shape of an image; of a surface, vertices and volumes."""
    image: Any = nib.load(path)
    if isinstance(image, nib.GiftiImage):
        return (len(image.darrays[0].data) if image.darrays else 0, len(image.darrays))
    return image.shape
