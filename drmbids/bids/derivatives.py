"""The derivative dataset as a whole: its description, README, labels, and links to its inputs."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import drmbids
from drmbids.bids.reading.timing import times_metadata
from drmbids.data.runs.run import Run
from drmbids.data.storage.files import write_json, write_text

#: Release of the BIDS specification that the names and sidecars follow.
BIDS_VERSION = "1.10.1"

#: Name of the input dataset in BIDS URIs (``bids:raw:sub-01/func/...``).
RAW = "raw"

# What BIDS has no place for yet: statistical maps, scores, models, reports.
_IGNORED = (
    *("*.html", "figures", "models", "group", "*_statmap.*", "*_timeseries.*", ".sub-*"),
    ".written.json",
    *(".drmbids_work", "hash-*"),
    # BIDS has no rule for surfaces and CIFTI files; these patterns take their sidecars along, which
    # a pattern with a star before its ending does not
    *("*.gii", "*.dtseries.nii", "*.ptseries.nii"),
    *(f"*_{part}*" for part in ("hemi-", "den-", "atlas-", "seg-", "space-fsLR")),
)


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
            **times_metadata(run),
            "SkullStripped": True,
            "Sources": sources,
        }
        for entity, key in (("res", "Resolution"), ("den", "Density")):
            if entity in run.entities:
                sidecar[key] = "that of the source image"
        return sidecar

    def write_description(
        self, descriptions: Mapping[str, str], configuration_hash: str | None = None
    ) -> list[str]:
        """Write what makes the folder a dataset: description, README, ``.bidsignore``, labels.

        Labels and links that earlier calls wrote stay: their files are there.

        Parameters
        ----------
        descriptions : mapping of str to str
            Meaning of every ``desc`` label in the names of files.
        configuration_hash : str, optional
            Of how the analysis is done.

        Returns
        -------
        list of str
            What an earlier call wrote otherwise and is lost now, as sentences.
        """
        before = source_description(self.root)
        now = self._description()
        told = []
        for name, link in dict(before.get("DatasetLinks", {})).items():
            if now["DatasetLinks"].setdefault(name, link) != link:
                told.append(
                    f"{self.root}: dataset {name!r} was {link}, and is "
                    f"{now['DatasetLinks'][name]} now; sources of earlier results point there"
                )
        for source in before.get("SourceDatasets", []):
            if source.get("URL") in now["DatasetLinks"].values():
                now["SourceDatasets"] += [source] if source not in now["SourceDatasets"] else []
        if configuration_hash is not None:
            now["ConfigurationHash"] = configuration_hash
        write_json(self.root / "dataset_description.json", now)
        write_text(self.root / ".bidsignore", "\n".join(_IGNORED) + "\n")
        labels = {**_read_labels(self.root / "descriptions.tsv"), **descriptions}
        rows = "".join(f"desc-{label}\t{text}\n" for label, text in labels.items())
        write_text(self.root / "descriptions.tsv", "desc_id\tdescription\n" + rows)
        write_text(self.root / "README.md", _README)
        return told

    def configuration_hash(self) -> str | None:
        """Return the hash of how the latest analysis here was done, None where none was."""
        return source_description(self.root).get("ConfigurationHash")

    def _description(self) -> dict[str, Any]:
        """Return the content of ``dataset_description.json``."""
        roots = {RAW: self.bids_dir, **self.derivatives}
        links = {name: _link(root, self.root) for name, root in roots.items()}
        title = source_description(self.bids_dir).get("Name") or self.bids_dir.resolve().name
        sources = []
        for name, root in roots.items():
            described = source_description(root)
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


def source_description(root: Path) -> dict[str, Any]:
    """Return the description of a dataset; empty where there is none that can be read.

    Parameters
    ----------
    root : Path
    """
    try:
        content = json.loads((root / "dataset_description.json").read_text("utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_labels(path: Path) -> dict[str, str]:
    """Return the labels that an earlier call described."""
    try:
        rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:]]
    except (OSError, UnicodeDecodeError):
        return {}
    return {row[0].removeprefix("desc-"): row[1] for row in rows if len(row) == 2}


_README = """\
# Dynamic representational models

Written by drmbids. Start with the report of a participant
(`sub-<label>.html`) or, after the group level, with `group.html`.

| files | content |
|---|---|
| `sub-<label>/**/func/*_desc-<model>predicted_bold.nii.gz` (of surfaces `.func.gii`, of CIFTI \
files `.dtseries.nii` or `.ptseries.nii`) | series of a run predicted by the \
fit that had not seen the run |
| `sub-<label>/**/func/*_desc-<model>residual_bold.nii.gz` | measured minus predicted, drift and \
confounds taken out |
| `sub-<label>/func/*_stat-<r,r2>_desc-<model>_statmap.nii.gz` (`.func.gii`, `.dscalar.nii`, \
`.pscalar.nii`) | score voxel by voxel, mean over the folds of the cross-validation |
| `sub-<label>/func/*_desc-scores_timeseries.tsv` | scores by model, fold, region and target |
| `sub-<label>/models/` | the model fitted on all runs: model file, weights with checksums, tables |
| `group/` | tables over participants |
| `logs/` | configuration, log of each call, and a methods text |

JSON files beside the tables give the meaning and the unit of each column; `descriptions.tsv`
explains the `desc-` labels. Names that BIDS does not define yet are listed in `.bidsignore`.
"""
