"""Earlier results of the same participant: those of other tasks or acquisitions stay."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drmbids.bids.entities import BIDSName
from drmbids.core.exceptions import DataError, OutputError
from drmbids.workflows.settings import differences, read_record

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


def replaced_analysis(path: Path, settings: Mapping[str, Any], runs: Sequence[str]) -> str | None:
    """Return how the analysis that is about to be replaced differs, None where it does not.

    Parameters
    ----------
    path : Path
        Its ``desc-inputs_runs.json``, which may be missing.
    settings : mapping
        Of this call.
    runs : sequence of str
        Labels of the runs of this call.
    """
    record = read_record(path)
    if not isinstance(record.get("settings"), dict):
        return None
    found = differences(record["settings"], settings)
    before = [str(run.get("label")) for run in record.get("runs", [])]
    found += [f"{run} left out" for run in before if run not in runs]
    found += [f"{run} added" for run in runs if run not in before]
    return f"replaces the results of an earlier call: {'; '.join(found)}" if found else None


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
