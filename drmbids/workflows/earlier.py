"""Earlier results of the same participant: those of other tasks or acquisitions stay."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from drmbids.bids.entities import BIDSName
from drmbids.core.exceptions import DataError, OutputError
from drmbids.workflows.settings import read_record

_INPUTS = "*_desc-inputs_runs.json"


def keep_other_analyses(old: Path, new: Path) -> None:
    """Bring files of analyses that were not made anew into the folder that replaces the old one.

    An analysis is what shares the entities of its ``desc-inputs_runs.json``; a file belongs to the
    analysis that has the most entities in common with it and none in conflict. An analysis that
    shares a run with a new one is replaced by it: files of that run have the same names.

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
    again = {label for path in new.glob(f"models/{_INPUTS}") for label in _runs(path)}
    before = [_entities(path) for path in old.glob(f"models/{_INPUTS}") if not again & _runs(path)]
    others = [entities for entities in before if entities not in made]
    if not others:
        return
    for path in sorted(old.rglob("*")):
        target = new / path.relative_to(old)
        if path.is_file() and not target.exists():
            owner = _owner(_entities(path), [*made, *others])
            if owner is not None and owner not in made:
                _link(path, target)


def check_results(out_dir: Path, subject: str, option: str) -> None:
    """Refuse an option that needs results of an earlier call where there are none.

    Parameters
    ----------
    out_dir : Path
    subject : str
        Label without ``sub-``.
    option : str
        For the message.

    Raises
    ------
    DataError
        If the participant has none.
    """
    if not (out_dir / f"sub-{subject}" / "models").is_dir():
        raise DataError(f"{out_dir}: no results of sub-{subject}; run without {option}")


def saved_methods(out_dir: Path, subject: str) -> str:
    """Return the methods texts that earlier calls saved of a participant, Markdown.

    Parameters
    ----------
    out_dir : Path
    subject : str
        Label without ``sub-``.
    """
    records = map(read_record, sorted((out_dir / f"sub-{subject}/models").glob(_INPUTS)))
    texts = dict.fromkeys(str(record["methods"]) for record in records if record.get("methods"))
    return "\n".join(texts)


def _runs(path: Path) -> set[str]:
    """Return the labels of the runs of an analysis."""
    return {str(run.get("label")) for run in read_record(path).get("runs", [])}


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
