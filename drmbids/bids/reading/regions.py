"""Regions of interest: masks and atlases as voxel indices on the grid of the data."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drmbids.bids.files.entities import BIDSName
from drmbids.bids.files.problems import error, warn
from drmbids.bids.reading.images import check_grid, name_of, open_image
from drmbids.bids.reading.labels import label_names, mask_name, single_label, whole_numbers
from drmbids.data.runs.run import VoxelSpace


def load_regions(
    atlas_or_mask: Any,
    labels: Mapping[int, str] | Sequence[str] | None = None,
    like: Any = None,
) -> VoxelSpace:
    """Return the voxels of each region.

    Parameters
    ----------
    atlas_or_mask : path, image, list or mapping of str to path or image
        A binary mask (one region, named by its BIDS entity ``label`` or ``desc``, else by its
        file), a list of masks, masks by name, or an atlas of whole-numbered labels.
    labels : mapping of int to str or sequence of str, optional
        Names of an atlas' labels; a sequence names the labels that occur in rising order.
        Without it, a table with the columns ``index`` and ``name`` beside the atlas
        (``atlas-X_dseg.tsv``) is read; without that, the numbers are the names.
    like : nibabel image, optional
        The data: the regions must lie on their grid. Nothing is ever resampled.

    Returns
    -------
    VoxelSpace
        Voxels in the order of :func:`numpy.argwhere`, which is that of nilearn's maskers.

    Raises
    ------
    DataError
        If an image is not 3-D, has values that are not whole numbers, is empty, lacks a named
        label or has one without a name, or lies on another grid.
    """
    if isinstance(atlas_or_mask, Mapping):
        masks = {str(name): _image(mask) for name, mask in atlas_or_mask.items()}
    elif isinstance(atlas_or_mask, list | tuple):
        images = [_image(mask) for mask in atlas_or_mask]
        names = [mask_name(image.get_filename()) for image in images]
        repeated = sorted({n for n in names if names.count(n) > 1})
        if repeated:
            found = f"two masks are named {repeated[0]!r}"
            raise error("RG03", name_of(images[0]), found, "give the masks as {name: mask}")
        masks = dict(zip(names, images, strict=True))
    else:
        image = _image(atlas_or_mask)
        check_grid(image, image if like is None else like)
        values = _whole_numbers(image)
        names_by_label = label_names(name_of(image), labels, np.unique(values[values != 0]))
        if names_by_label is not None:
            voxels = {name: np.argwhere(values == k) for k, name in names_by_label.items()}
            return _space(image, voxels)
        masks = {mask_name(image.get_filename()): image}
    if not masks:
        raise error("RG01", "masks", "no mask given", "give at least one")
    first = next(iter(masks.values()))
    for image in masks.values():
        check_grid(image, first if like is None else like)
    voxels = {name: np.argwhere(_binary(image)) for name, image in masks.items()}
    warn_of_overlap(voxels)
    return _space(first, voxels)


def other_space(stated: Mapping[str, str], data: Mapping[str, str]) -> str | None:
    """Return the space that a file states, cohort included, if it is not that of the data.

    Parameters
    ----------
    stated, data : mapping of str to str
        Entities of a mask or atlas, and of the data. A file states its space by ``space-``, else by
        the template ``tpl-`` that it was made in; what one of the two leaves open fits.
    """
    own = next((stated[e] for e in ("space", "tpl", "template") if e in stated), None)
    space, cohort = data.get("space"), stated.get("cohort")
    if space is None or own is None:
        return None
    if own != space:
        return own
    return f"{own}_cohort-{cohort}" if cohort not in (None, data.get("cohort", cohort)) else None


def check_space(atlas_or_mask: Any, bold: Path, data: Mapping[str, str]) -> None:
    """Raise DataError if a mask or atlas states another space, or cohort, than the data.

    Two spaces may share a grid: no comparison of affines can tell them apart.

    Parameters
    ----------
    atlas_or_mask : path, image, list or mapping of these
        See :func:`other_space`.
    bold : Path
        An image of the data.
    data : mapping of str to str
        Its entities.
    """
    given = atlas_or_mask
    if isinstance(given, Mapping):
        given = list(given.values())
    for source in given if isinstance(given, list | tuple) else [given]:
        path = source if isinstance(source, str | Path) else source.get_filename()
        name = BIDSName.parse(Path(path)) if path else None
        stated = None if name is None else other_space(name.entities, data)
        if stated is not None:
            space = data["space"] + (f"_cohort-{data['cohort']}" if "cohort" in data else "")
            found = f"is in the space {stated}, {bold} in {space}"
            raise error("RG06", path, found, f"give one in {space}, or other data (--space)")


def brain_mask(paths: Iterable[Path], like: Any = None) -> VoxelSpace:
    """Return the voxels that lie in all the brain masks of several runs, as one region.

    Parameters
    ----------
    paths : iterable of Path
        One mask for each run; the same file may come again.
    like : nibabel image, optional
        The data, whose grid the masks must have.

    Raises
    ------
    DataError
        If the masks lie on different grids or share no voxel.
    """
    images = [open_image(path) for path in dict.fromkeys(paths)]
    for image in images:
        check_grid(image, images[0] if like is None else like)
    inside = np.stack([_binary(image) for image in images])
    both, either = int(inside.all(0).sum()), int(inside.any(0).sum())
    if both < either:
        found = f"the brain masks of the runs differ: {both} of {either} voxels lie in all of them"
        warn("RG08", name_of(images[0]), found, "these are used; give one mask to use others")
    return _space(images[0], {mask_name(images[0].get_filename()): np.argwhere(inside.all(0))})


def _image(source: Any) -> Any:
    """Return an image from a path or an image, 3-D."""
    image = open_image(Path(source)) if isinstance(source, str | Path) else source
    if not hasattr(image, "dataobj"):
        found = f"a mask or atlas is a path or a nibabel image, got {type(source).__name__}"
        raise error("RG01", "masks", found, "give one of them")
    if len(image.shape) == 4 and image.shape[3] == 1:
        name, image = image.get_filename(), image.slicer[..., 0]
        if name:
            image.set_filename(name)
        return image
    if len(image.shape) != 3:
        found = f"{len(image.shape)}-D image {tuple(image.shape)}"
        remedy = "a mask or atlas of labels is 3-D (threshold probabilistic maps first)"
        raise error("RG02", name_of(image), found, remedy)
    return image


def _whole_numbers(image: Any) -> np.ndarray:
    """Return the values of an image as integers; a voxel that holds anything else is an error."""
    return whole_numbers(np.asanyarray(image.dataobj), name_of(image))


def _binary(image: Any) -> np.ndarray:
    """Return a mask as booleans; an image of several labels is an error."""
    return single_label(_whole_numbers(image), name_of(image))


def warn_of_overlap(voxels: Mapping[str, np.ndarray]) -> None:
    """Warn of voxels in more than one region: a map can show one value only."""
    n_all = sum(len(v) for v in voxels.values())
    n_different = len(np.unique(np.concatenate(list(voxels.values())), axis=0))
    if n_different < n_all:
        found = f"the regions {', '.join(voxels)} share {n_all - n_different} of {n_all} voxels"
        warn("RG07", "masks", found, "maps show the last one's value there")


def _space(image: Any, voxels: Mapping[str, np.ndarray]) -> VoxelSpace:
    """Return the regions, none of which may be empty."""
    empty = [name for name, indices in voxels.items() if not len(indices)]
    if empty or not voxels:
        found = f"no voxel in region {', '.join(empty) or 'at all'}"
        raise error("RG04", name_of(image), found, "check the image, or leave the region out")
    x, y, z = (int(n) for n in image.shape[:3])
    return VoxelSpace((x, y, z), np.asarray(image.affine, dtype=float), voxels)
