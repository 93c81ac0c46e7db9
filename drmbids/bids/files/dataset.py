"""One BIDS dataset folder: its description, its participants, its files and their sidecars."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from drmbids.bids.files.entities import BIDSName, natural
from drmbids.bids.files.problems import error

DESCRIPTION = "dataset_description.json"


@dataclass(frozen=True, eq=False)
class Dataset:
    """A folder with a ``dataset_description.json``.

    Files are looked for where BIDS puts functional data: in the root, ``sub-*``, ``ses-*`` and
    ``func`` folders, of the participants asked for. So one participant of a thousand costs
    one participant.

    Parameters
    ----------
    root : Path
        The folder.
    description : mapping
        Content of ``dataset_description.json``.
    """

    root: Path
    description: Mapping[str, Any]

    @property
    def is_derivative(self) -> bool:
        """Whether the dataset was made from another one."""
        made_by = "GeneratedBy" in self.description or "PipelineDescription" in self.description
        return self.description.get("DatasetType", "derivative" if made_by else "raw") != "raw"

    @cached_property
    def subjects(self) -> list[str]:
        """Labels of all participants with a folder, in natural order."""
        found = (p.name.removeprefix("sub-") for p in self.root.glob("sub-*") if p.is_dir())
        return sorted(found, key=natural)

    def files(self, subjects: Sequence[str]) -> Iterator[BIDSName]:
        """Yield the files of the participants, and those that apply to all of them."""
        folders = [self.root]
        for subject in subjects:
            top = self.root / f"sub-{subject}"
            sessions = sorted(p for p in top.glob("ses-*") if p.is_dir())
            folders += [top, top / "func", *sessions, *(s / "func" for s in sessions)]
        for folder in folders:
            if not folder.is_dir():
                continue
            for path in sorted(folder.iterdir()):
                name = None if path.is_dir() else BIDSName.parse(path)
                if name is not None:
                    yield name

    def raw_dataset(self) -> "Dataset | None":
        """Return the dataset that this derivative was made from, if it can be found.

        The local folders of ``DatasetLinks`` and ``SourceDatasets`` are tried in turn, then the
        folder above ``derivatives/``.
        """
        linked, sources = (self.description.get(k) for k in ("DatasetLinks", "SourceDatasets"))
        links = list(linked.values()) if isinstance(linked, dict) else []
        if isinstance(sources, list):
            links += [source.get("URL") for source in sources if isinstance(source, dict)]
        if self.root.resolve().parent.name == "derivatives":
            links.append("../..")
        for link in links:
            if not isinstance(link, str) or "://" in link.removeprefix("file://"):
                continue
            local = link.removeprefix("file://")
            folder = self.root / (local if local == link else url2pathname(local))
            if (folder / DESCRIPTION).is_file():
                dataset = open_dataset(folder.resolve())
                if not dataset.is_derivative:
                    return dataset
        return None

    def derived(self) -> list["Dataset"]:
        """Return the datasets in the folder ``derivatives``."""
        found = sorted(self.root.glob(f"derivatives/*/{DESCRIPTION}"))
        return [open_dataset(path.parent) for path in found]

    def metadata(self, name: BIDSName) -> dict[str, Any]:
        """Return the JSON metadata of a file, by the inheritance principle."""
        return {key: value for key, (value, _) in self.stated(name).items()}

    def stated(self, name: BIDSName) -> dict[str, tuple[Any, Path]]:
        """Return the JSON metadata of a file, each with the sidecar that states it.

        A sidecar applies if it has the suffix of the file, lies in its folder or above, and
        has no entity that the file lacks; the nearest and most specific one wins.

        Raises
        ------
        DataError
            If two sidecars that are as near and specific state different values.
        """
        folders = [name.path.parent]
        while folders[-1] != self.root and folders[-1] != folders[-1].parent:
            folders.append(folders[-1].parent)
        entities = name.without(())
        merged: dict[str, tuple[Any, Path]] = {}
        for folder in reversed(folders):
            found = (BIDSName.parse(path) for path in folder.glob(f"*{name.suffix}.json"))
            sidecars = [
                s
                for s in found
                if s is not None
                and s.suffix == name.suffix
                and s.without(()).items() <= entities.items()
            ]
            by_size: dict[int, dict[str, tuple[Any, Path]]] = {}
            for sidecar in sorted(sidecars, key=lambda s: (len(s.entities), s.path.name)):
                stated = by_size.setdefault(len(sidecar.entities), {})
                for key, value in read_json(sidecar.path).items():
                    known, other = stated.setdefault(key, (value, sidecar.path))
                    if known != value:
                        what = f"{key} is {value!r}, but {known!r} in {other.name}, which applies"
                        remedy = "keep one of them, or name the runs that each is of"
                        raise error("DS11", sidecar.path, f"{what} equally", remedy)
            for stated in by_size.values():
                merged |= stated
        return merged


def open_dataset(folder: str | Path) -> Dataset:
    """Return the dataset in a folder.

    Parameters
    ----------
    folder : str or Path
        The folder with ``dataset_description.json``.

    Raises
    ------
    DataError
        If it is no folder, or lacks a readable ``dataset_description.json``.
    """
    root = Path(folder)
    if not root.is_dir():
        raise error("DS01", root, "is not a folder", "give the root folder of a BIDS dataset")
    if not (root / DESCRIPTION).is_file():
        found = f"has no {DESCRIPTION}, so it is not the root of a BIDS dataset"
        raise error("DS01", root, found, "give the folder that holds it")
    return Dataset(root, read_json(root / DESCRIPTION))


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte order mark.

    Raises
    ------
    DataError
        If the file cannot be read, is not JSON (with the line), or holds no object.
    """

    def refuse(constant: str) -> None:
        raise error("DS02", path, f"{constant} is not a JSON number", "write null or a number")

    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=refuse)
    except json.JSONDecodeError as fault:
        found, where = f"not JSON: {fault.msg}", f"line {fault.lineno}"
        raise error("DS02", path, found, "correct the line", where) from fault
    except UnicodeDecodeError as fault:
        found = f"not UTF-8 text ({fault.reason})"
        raise error("DS02", path, found, "save it as UTF-8") from fault
    except OSError as fault:
        found = f"cannot be read: {fault.strerror}"
        raise error("DS02", path, found, "check that it is there and may be read") from fault
    if not isinstance(content, dict):
        found = f"expected a JSON object {{...}}, found {type(content).__name__}"
        raise error("DS02", path, found, "write names and values in braces")
    return content
