"""Earlier results of the same participant: those of other tasks or acquisitions stay."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from drmbids.bids.entities import BIDSName
from drmbids.core.exceptions import OutputError

_INPUTS = "*_desc-inputs_runs.json"


def keep_other_analyses(old: Path, new: Path) -> None:
    """Bring files of analyses that were not made anew into the folder that replaces the old one.

    An analysis is what shares the entities of its ``desc-inputs_runs.json``; a file belongs to the
    analysis that has the most entities in common with it and none in conflict.

    Parameters
    ----------
    old : Path
        Folder ``sub-<label>`` as an earlier call left it; may be missing.
    new : Path
        Folder ``sub-<label>`` of this call, complete.

    Raises
    ------
    OutputError
        If a file cannot be brought over.
    """
    made = [_entities(path) for path in new.glob(f"models/{_INPUTS}")]
    before = [_entities(path) for path in old.glob(f"models/{_INPUTS}")]
    others = [entities for entities in before if entities not in made]
    if not others:
        return
    for path in sorted(old.rglob("*")):
        target = new / path.relative_to(old)
        if path.is_file() and not target.exists():
            owner = _owner(_entities(path), [*made, *others])
            if owner is not None and owner not in made:
                _link(path, target)


def _entities(path: Path) -> Mapping[str, str]:
    """Return the entities of a file, without those that tell its content."""
    name = BIDSName.parse(path)
    found = {} if name is None else dict(name.entities)
    return {key: value for key, value in found.items() if key not in ("desc", "stat")}


def _owner(
    file: Mapping[str, str], analyses: Iterable[Mapping[str, str]]
) -> Mapping[str, str] | None:
    agreeing = [entities for entities in analyses if entities.items() <= file.items()]
    return max(agreeing, key=len, default=None)


def _link(source: Path, target: Path) -> None:
    """Make a hard link, or a copy where the file system has none; files are never changed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
