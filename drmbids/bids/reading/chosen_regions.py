"""The regions of an analysis: masks, an atlas by file or by name, or all there is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from drmbids.bids.files.entities import BIDSName
from drmbids.bids.files.find import RunFiles
from drmbids.bids.reading.atlases import (
    AtlasName,
    find_atlas,
    is_probabilistic,
    probabilistic_regions,
)
from drmbids.bids.reading.images import open_image
from drmbids.bids.reading.labels import check_names
from drmbids.bids.reading.measured import Measured, Space
from drmbids.bids.reading.regions import check_space
from drmbids.bids.reading.volumes import Volumes


def find_regions(
    files: Sequence[RunFiles],
    measured: Measured,
    atlas_or_mask: Any,
    labels: Mapping[int, str] | Sequence[str] | None = None,
) -> Space:
    """Return the regions, held against the places of the first run.

    Parameters
    ----------
    files : sequence of RunFiles
    measured : Measured
        The first run.
    atlas_or_mask : AtlasName, path, image, list, mapping or None
        See :func:`drmbids.load_runs`.
    labels : mapping of int to str or sequence of str, optional

    Raises
    ------
    DataError
        If the regions cannot be found, or are no places of the data.
    """
    space: Space
    if atlas_or_mask is None:
        space = measured.all_regions([one.mask for one in files])
        check_names(list(space.members), str(files[0].bold))
        return space
    atlas = as_atlas(atlas_or_mask, ())
    if isinstance(atlas, AtlasName):
        source: Any = _file_of(atlas, files[0])
        threshold = atlas.threshold
    else:
        source, threshold = atlas_or_mask, AtlasName("").threshold
    check_space(source, files[0].bold, files[0].entities)
    if isinstance(measured, Volumes) and is_probabilistic(source):
        image = open_image(Path(source)) if isinstance(source, str | Path) else source
        space = probabilistic_regions(image, labels, threshold, measured.image)
    else:
        space = measured.regions(source, labels)
    check_names(list(space.members), "masks" if isinstance(source, Mapping) else str(source))
    return space


def as_atlas(atlas_or_mask: Any, datasets: Sequence[Path]) -> Any:
    """Return what is meant by a text: the name of an atlas, unless it looks like a file.

    Parameters
    ----------
    atlas_or_mask : object
        Anything but a text or a name without datasets is returned as it is.
    datasets : sequence of Path
        Where an atlas of that name is looked for, with the datasets in their ``derivatives``.
    """
    every = [p for d in datasets for p in (d, *sorted(d.glob("derivatives/*")))]
    folders = list({p.resolve(): p for p in reversed(every)}.values())[::-1]
    if isinstance(atlas_or_mask, AtlasName) and not atlas_or_mask.datasets:
        return replace(atlas_or_mask, datasets=folders)
    plain = isinstance(atlas_or_mask, str) and not Path(atlas_or_mask).is_file()
    if plain and (atlas_or_mask.startswith("nilearn:") or not set("/.\\") & set(atlas_or_mask)):
        return AtlasName(atlas_or_mask, folders)
    return atlas_or_mask


def _file_of(atlas: AtlasName, first: RunFiles) -> Path:
    """Return the file of an atlas that fits a run."""
    if Path(atlas.name).is_file() or set("/\\") & set(atlas.name):
        return Path(atlas.name)
    name = BIDSName.parse(first.bold)
    kind = None if name is None else name.file_format
    return find_atlas(atlas, first.entities, kind or "nifti", first.entities.get("subject", ""))
