"""Atlases by name: among the datasets, in nilearn's folder, and probabilistic ones."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nilearn.datasets import get_data_dirs

from drmbids.bids.files.dataset import Dataset
from drmbids.bids.files.entities import NIFTI, BIDSName
from drmbids.bids.files.problems import error
from drmbids.bids.reading.images import check_grid, name_of, open_image
from drmbids.bids.reading.labels import label_names
from drmbids.bids.reading.regions import other_space
from drmbids.data.runs.run import VoxelSpace
from drmbids.data.tools.exceptions import UsageError

#: Lowest probability by which a voxel belongs to a region, the threshold of the Harvard-Oxford
#: atlas' usual maximum-probability map (``maxprob-thr25``, FSL).
THRESHOLD = 0.25
_PERCENT = 100.0

# Extensions of the atlases that fit each kind of data.
_FITTING = {
    "nifti": NIFTI,
    "gifti": (".label.gii", ".shape.gii", ".gii"),
    "dtseries": (".dlabel.nii",),
    "ptseries": (".plabel.nii",),
}
_SUFFIXES = ("dseg", "probseg", "atlas", "mask")
_NILEARN = "nilearn:"


@dataclass(frozen=True)
class AtlasName:
    """An atlas by name, to be looked for among the datasets when the data are known.

    Parameters
    ----------
    name : str
        ``4S156Parcels``, ``atlas-Schaefer_scale-100``, or ``nilearn:`` and a file in nilearn's data
        folder.
    datasets : sequence of Path
        Where to look.
    threshold : float
        Of a probabilistic atlas.
    """

    name: str
    datasets: Sequence[Path] = ()
    threshold: float = THRESHOLD


def find_atlas(
    wanted: AtlasName, entities: Mapping[str, str], file_format: str, subject: str
) -> Path:
    """Return the file of an atlas that fits the data.

    Parameters
    ----------
    wanted : AtlasName
    entities : mapping of str to str
        Of the data; a file that states another space (``space-``, ``tpl-``) or cohort does not fit,
        and where files in several resolutions do (``res-``, ``den-``), that of the data is taken.
    file_format : str
        Of the data: a key of :data:`drmbids.bids.files.entities.FORMATS`.
    subject : str
        Participant, for atlases in its own folder.

    Raises
    ------
    DataError
        If no file fits, or several do; the message lists them.
    """
    if wanted.name.startswith(_NILEARN):
        return _in_nilearn(wanted.name.removeprefix(_NILEARN))
    asked, space = _entities(wanted.name), entities.get("space")
    named = {
        (name.path.parent.resolve(), name.path.name): name
        for root in wanted.datasets
        for name in _files(root, subject)
        if name.suffix in _SUFFIXES and _is(name, asked)
    }.values()  # a dataset may be given with -d and lie among the derivatives
    fitting = [
        n
        for n in named
        if n.extension in _FITTING[file_format] and other_space(n.entities, entities) is None
    ]
    for entity in ("res", "den"):
        same = [n for n in fitting if n.entities.get(entity) == entities.get(entity)]
        fitting = same if entity in entities and same else fitting
    if file_format == "gifti":  # the other hemisphere comes by itself
        left = [n for n in fitting if n.entities.get("hemi") != "R"]
        fitting = left or fitting
    where = ", ".join(map(str, wanted.datasets)) or "no dataset"
    if not fitting:
        there = sorted({n.path.name for n in named})
        more = f"; there are {', '.join(there[:8])}" if there else ""
        ends = ", ".join(_FITTING[file_format])
        found = f"no atlas {wanted.name!r} in space {space or 'of its own'} ({ends}){more}"
        raise error("RG01", where, found, "give its file, or its dataset as -d atlas=path")
    if len(fitting) > 1:
        found = f"{len(fitting)} atlases are called so: {', '.join(n.path.name for n in fitting)}"
        raise error("RG01", where, found, "name more of it (atlas-X_scale-100_res-2), or its file")
    return fitting[0].path


# Entities that an atlas' name may be the label of (``atlas`` as in BIDS 1.11, ``seg`` in XCP-D).
_NAMES = ("atlas", "segmentation")
# Suffixes of files that may be named by their ``desc`` (fMRIPrep's ``desc-aparcaseg_dseg``).
_BY_DESC = ("dseg", "probseg")


def _entities(name: str) -> dict[str, str]:
    """Return what a name asks for; its first part may lack the key ``atlas-``."""
    text = name if re.match("[a-z]+-", name) else f"atlas-{name}"
    parsed = BIDSName.parse(Path(f"{text}_dseg.nii"))
    if parsed is None or not re.fullmatch("[0-9A-Za-z+_-]+", name):
        raise UsageError(
            f"atlas {name!r} is neither a file nor a name such as 4S156Parcels or "
            "atlas-Schaefer_scale-100"
        )
    return dict(parsed.entities)


def _is(name: BIDSName, asked: Mapping[str, str]) -> bool:
    """Return whether a file is the atlas that is asked for, named by one of a few entities.

    ``desc`` names it where it has none of the others.
    """
    keys = [key for key in _NAMES if key in name.entities]
    if not keys and name.suffix in _BY_DESC and "desc" not in asked:
        keys = ["desc"]
    for key in keys or _NAMES[:1]:
        wanted = {key if k in _NAMES else k: label for k, label in asked.items()}
        if wanted.items() <= name.entities.items():
            return True
    return False


def _files(root: Path, subject: str) -> Iterable[BIDSName]:
    """Return the files of a dataset where atlases are: at its root, ``tpl-*``, ``atlas-*``."""
    folders = [root, *sorted(root.glob("tpl-*")), *sorted(root.glob("atlas-*"))]
    folders += [p for folder in folders[1:] for p in sorted(folder.glob("*")) if p.is_dir()]
    for folder in folders:
        if folder.is_dir():
            names = (BIDSName.parse(path) for path in sorted(folder.iterdir()) if path.is_file())
            yield from (name for name in names if name is not None)
    own = Dataset(root, {}).files([subject])
    yield from (name for name in own if "subject" in name.entities)


def _in_nilearn(name: str) -> Path:
    """Return a file of nilearn's data folders; nothing is ever downloaded."""
    folders = [Path(folder) for folder in get_data_dirs()]
    found = sorted(p for f in folders if f.is_dir() for p in f.glob(f"**/{name}*") if p.is_file())
    images = [p for p in found if p.name.endswith((*NIFTI, ".gii"))]
    if len(images) != 1:
        where = ", ".join(map(str, folders))
        told = f"{len(images)} images are called {name}*: {', '.join(p.name for p in images[:6])}"
        remedy = (
            "fetch it first (nilearn.datasets.fetch_atlas_...), nothing is downloaded here; then "
            "name enough of its file"
        )
        raise error("RG01", where, told, remedy)
    return images[0]


def probabilistic_regions(image: Any, labels: Any, threshold: float, like: Any) -> VoxelSpace:
    """Return regions of a probabilistic atlas: each voxel belongs to the most probable one.

    Parameters
    ----------
    image : nibabel image
        4-D, one volume for each region: probabilities from 0 to 1, or to 100.
    labels : mapping of int to str, sequence of str or None
        Names of the volumes, counted from 1; else the table beside the atlas, else the numbers.
    threshold : float
        Probability that a voxel needs.
    like : nibabel image
        The data.

    Raises
    ------
    DataError
        If values are no probabilities, a region is nowhere the most probable one, or the grid is
        another.
    """
    check_grid(image, like)
    values = np.asarray(image.dataobj, dtype=np.float32)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > _PERCENT:
        found = f"values from {np.nanmin(values):g} to {np.nanmax(values):g}"
        raise error("RG02", name_of(image), found, "probabilities lie within 0 and 1, or 0 and 100")
    if values.max() > 1:
        values /= _PERCENT
    best = values.argmax(axis=3) + 1
    best[values.max(axis=3) < max(threshold, np.finfo(np.float32).tiny)] = 0
    names = label_names(name_of(image), labels, np.arange(1, values.shape[3] + 1)) or {1: "1"}
    voxels = {name: np.argwhere(best == k) for k, name in names.items()}
    empty = [name for name, where in voxels.items() if not len(where)]
    if empty:
        found = f"no voxel above {threshold:g} in region {', '.join(empty)}"
        raise error("RG04", name_of(image), found, "lower --atlas-threshold, or leave it out")
    x, y, z = (int(n) for n in image.shape[:3])
    return VoxelSpace((x, y, z), np.asarray(image.affine, dtype=float), voxels)


def is_probabilistic(source: Any) -> bool:
    """Return whether an atlas holds a volume for each region.

    Parameters
    ----------
    source : path or nibabel image
    """
    if isinstance(source, str | Path):
        if not str(source).endswith(NIFTI) or str(source).endswith(("label.nii", "scalar.nii")):
            return False
        source = open_image(Path(source))
    shape = getattr(source, "shape", ())
    return len(shape) == 4 and shape[3] > 1
