"""How much memory the analysis of a participant takes, from the headers of its images."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nibabel as nib

from drmbids.app.analysis.config import Config
from drmbids.app.analysis.preflight import run_query
from drmbids.bids.files.find import RunFiles, find_runs
from drmbids.data.tools.exceptions import DRMError
from drmbids.data.tools.memory import N_LINEAR, comparison_bytes

#: Megabytes of a process with all libraries loaded, before any data.
BASE_MB = 700.0

# A rough upper estimate: an image is read whole, in float64; of it about a third are voxels of
# regions, whose series are held as those of the check of the participant.
_IN_REGIONS, _BYTES = 1 / 3, 8


def needed_mb(shapes: Iterable[tuple[int, ...]], n_models: int) -> float:
    """Return about how many megabytes the analysis of images of these shapes takes.

    Parameters
    ----------
    shapes : iterable of tuple of int
        One for each run.
    n_models : int
        Models that are compared.

    Examples
    --------
    >>> round(needed_mb([(60, 70, 60, 300)] * 4, n_models=4))
    8159
    """
    sizes = [math.prod(shape) for shape in shapes]
    series = comparison_bytes(sum(sizes) * _IN_REGIONS, n_models)
    return BASE_MB + (_BYTES * max(sizes, default=0) + series) / 1e6


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
        shapes = [_shape(path) for file in files for path in _paths(file)]
        return needed_mb(shapes, N_LINEAR + max(1, len(config.model)))
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
