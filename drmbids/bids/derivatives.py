"""Writing a BIDS derivative dataset: names, images, tables with their sidecars, the description."""

import gzip
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

import drmbids
from drmbids.bids.entities import keys
from drmbids.core.exceptions import OutputError
from drmbids.core.files import write_bytes, write_json, write_text
from drmbids.core.run import Run, VoxelSpace

#: Release of the BIDS specification that the names and sidecars follow.
BIDS_VERSION = "1.10.1"

#: Name of the input dataset in BIDS URIs (``bids:raw:sub-01/func/...``).
RAW = "raw"

# Entities in the order of the specification (appendix "Entities"); `stat` is not in it yet and goes
# where the drafts have it, before `desc`.
_ORDER = (
    *("subject", "session", "sample", "task", "tracksys", "acquisition", "ceagent"),
    *("reconstruction", "direction", "run", "echo", "part", "hemi", "space", "recording"),
    *("chunk", "atlas", "segmentation", "res", "den", "label", "stat", "desc"),
)

# What BIDS has no place for yet: statistical maps, scores, models, reports.
_IGNORED = ("*.html", "figures", "models", "group", "*_statmap.*", "*_timeseries.*", ".sub-*")


def file_name(entities: Mapping[str, str], suffix: str, extension: str, **more: str) -> str:
    """Return a BIDS file name.

    Parameters
    ----------
    entities : mapping of str to str
        Values by long name (``"subject"``), as in :attr:`drmbids.core.run.Run.entities`; what is
        no entity of the specification is left out.
    suffix : str
        ``"bold"``, ``"statmap"`` ...
    extension : str
        With its dot: ``".nii.gz"``.
    **more : str
        Further entities; they replace those of the same name.

    Returns
    -------
    str

    Raises
    ------
    OutputError
        If a value is not letters and digits.

    Examples
    --------
    >>> file_name({"task": "rest", "subject": "01"}, "model", ".yaml", desc="drm")
    'sub-01_task-rest_desc-drm_model.yaml'
    """
    values = {**entities, **more}
    present = [name for name in _ORDER if name in values]
    for name in present:
        if not re.fullmatch("[0-9A-Za-z+]+", values[name]):
            raise OutputError(
                f"{name} {values[name]!r} cannot stand in a BIDS file name: letters and digits only"
            )
    pairs = [f"{keys().get(name, name)}-{values[name]}" for name in present]
    return "_".join([*pairs, suffix]) + extension


def shared_entities(runs: Sequence[Run]) -> dict[str, str]:
    """Return the entities that have one value in all runs, without ``run`` and ``desc``.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> runs = [
    ...     Run({}, duration=1.0, entities={"subject": "01", "task": "rest", "run": k})
    ...     for k in "12"
    ... ]
    >>> shared_entities(runs)
    {'subject': '01', 'task': 'rest'}
    """
    first = runs[0].entities
    return {
        name: value
        for name, value in first.items()
        if name not in ("run", "desc") and all(r.entities.get(name) == value for r in runs)
    }


def func_folder(root: Path, entities: Mapping[str, str]) -> Path:
    """Return ``root/sub-..[/ses-..]/func``, where BIDS wants files with these entities."""
    folder = root / f"sub-{entities['subject']}"
    if "session" in entities:
        folder /= f"ses-{entities['session']}"
    return folder / "func"


def write_table(path: Path, table: pd.DataFrame, columns: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a tab-separated table, and a JSON file that describes its columns.

    Parameters
    ----------
    path : Path
        Ends in ``.tsv``.
    table : DataFrame
        Missing values are written ``n/a``.
    columns : mapping of str to mapping
        ``Description``, ``Units`` ... of each column of the table.

    Raises
    ------
    OutputError
        If a column has no description, or the file cannot be written.
    """
    sidecar = describe_columns(table.columns, columns)
    content = table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    write_text(path, content)
    write_json(path.with_suffix(".json"), sidecar)


def describe_columns(
    names: Iterable[str], columns: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the JSON sidecar of a table.

    Parameters
    ----------
    names : iterable of str
        Columns of the table.
    columns : mapping of str to mapping
        Descriptions to choose from.

    Raises
    ------
    OutputError
        If a column has no description.
    """
    names = list(names)
    lacking = [name for name in names if name not in columns]
    if lacking:
        raise OutputError(f"no description of the table columns {lacking}")
    return {name: dict(columns[name]) for name in names}


def write_image(
    path: Path,
    space: VoxelSpace,
    values: Mapping[str, np.ndarray],
    sidecar: Mapping[str, Any],
    fill: float = np.nan,
) -> None:
    """Write a map or a series of volumes as float32 NIfTI, with its sidecar.

    The same values give the same bytes: the compressed file holds no name and no time.

    Parameters
    ----------
    path : Path
        Ends in ``.nii.gz``.
    space : VoxelSpace
        Where the values lie.
    values : mapping of str to array of shape (n_voxels,) or (n_times, n_voxels)
        Values by region.
    sidecar : mapping
        Content of the JSON file; ``RepetitionTime`` (s) also goes to the header of a series.
    fill : float
        Value of voxels in no region.
    """
    volume = space.volume(values, fill).astype(np.float32)
    image = nib.Nifti1Image(volume, space.affine)
    image.header.set_xyzt_units("mm", "sec")
    if volume.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], float(sidecar["RepetitionTime"])))
    write_bytes(path, gzip.compress(image.to_bytes(), mtime=0))
    write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), dict(sidecar))


@dataclass(frozen=True)
class DerivativeDataset:
    """The derivative dataset that a command writes, and the datasets it was made from.

    Parameters
    ----------
    root : Path
        The output folder.
    bids_dir : Path
        The input dataset.
    derivatives : mapping of str to Path
        Further input datasets by name.
    """

    root: Path
    bids_dir: Path
    derivatives: Mapping[str, Path] = field(default_factory=dict)

    def uri(self, source: str | Path) -> str | None:
        """Return the BIDS URI of an input file, or None if it lies in none of the datasets."""
        path = Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would follow annex links
        roots = [*self.derivatives.items(), (RAW, self.bids_dir)]
        for name, root in sorted(roots, key=lambda item: -len(item[1].absolute().parts)):
            folder = Path(os.path.abspath(root))  # noqa: PTH100
            if path.is_relative_to(folder):
                return f"bids:{name}:{path.relative_to(folder).as_posix()}"
        return None

    def bold_sidecar(self, run: Run, description: str) -> dict[str, Any]:
        """Return the sidecar of a BOLD series made from a run.

        Parameters
        ----------
        run : Run
        description : str
            What the series is.

        Returns
        -------
        dict
        """
        sources = [uri for uri in map(self.uri, run.sources) if uri is not None]
        sidecar: dict[str, Any] = {
            "Description": description,
            "TaskName": run.entities.get("task", "n/a"),
            "RepetitionTime": run.tr,
            "SkullStripped": True,
            "Sources": sources,
        }
        for entity, key in (("res", "Resolution"), ("den", "Density")):
            if entity in run.entities:
                sidecar[key] = "that of the source image"
        return sidecar

    def write_description(self, descriptions: Mapping[str, str]) -> None:
        """Write what makes the folder a dataset: description, README, ``.bidsignore``, labels.

        Parameters
        ----------
        descriptions : mapping of str to str
            Meaning of every ``desc`` label in the names of files.
        """
        write_json(self.root / "dataset_description.json", self._description())
        write_text(self.root / ".bidsignore", "\n".join(_IGNORED) + "\n")
        rows = "".join(f"desc-{label}\t{text}\n" for label, text in descriptions.items())
        write_text(self.root / "descriptions.tsv", "desc_id\tdescription\n" + rows)
        write_text(self.root / "README.md", _README)

    def _description(self) -> dict[str, Any]:
        """Return the content of ``dataset_description.json``."""
        roots = {RAW: self.bids_dir, **self.derivatives}
        links = {name: _link(root, self.root) for name, root in roots.items()}
        title = _source_description(self.bids_dir).get("Name") or self.bids_dir.resolve().name
        sources = []
        for name, root in roots.items():
            described = _source_description(root)
            source = {"URL": links[name]}
            doi = described.get("DatasetDOI")
            sources.append(source | ({"DOI": doi} if doi else {}))
        return {
            "Name": f"drmbids: dynamic representational models of {title}",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [
                {
                    "Name": "drmbids",
                    "Version": drmbids.__version__,
                    "Description": "Dynamic representational models, compared on held-out runs",
                }
            ],
            "SourceDatasets": sources,
            "DatasetLinks": links,
        }


def _link(root: Path, out_dir: Path) -> str:
    """Return a relative path where the output lies inside the dataset, so that both can move."""
    root, out_dir = root.resolve(), out_dir.resolve()
    if out_dir.is_relative_to(root):
        return Path(os.path.relpath(root, out_dir)).as_posix()
    return root.as_uri()


def _source_description(root: Path) -> dict[str, Any]:
    """Return the description of an input dataset; whether it is valid was checked on reading."""
    try:
        content = json.loads((root / "dataset_description.json").read_text("utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


_README = """\
# Dynamic representational models

Written by drmbids. Start with the report of a participant
(`sub-<label>.html`) or, after the group level, with `group.html`.

| files | content |
|---|---|
| `sub-<label>/**/func/*_desc-<model>predicted_bold.nii.gz` | series of a run predicted by the \
fit that had not seen the run |
| `sub-<label>/**/func/*_desc-<model>residual_bold.nii.gz` | measured minus predicted, drift and \
confounds taken out |
| `sub-<label>/func/*_stat-<r,r2>_desc-<model>_statmap.nii.gz` | score voxel by voxel, mean \
over the folds of the cross-validation |
| `sub-<label>/func/*_desc-scores_timeseries.tsv` | scores by model, fold, region and target |
| `sub-<label>/models/` | the model fitted on all runs: model file, weights with checksums, tables |
| `group/` | tables over participants |
| `logs/` | configuration, log of each call, and a methods text |

JSON files beside the tables give the meaning and the unit of each column; `descriptions.tsv`
explains the `desc-` labels. Names that BIDS does not define yet are listed in `.bidsignore`.
"""
