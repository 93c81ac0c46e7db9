"""What is in a participant's folder already: other analyses, and files of the user, stay."""

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from drmbids.app.analysis.settings import read_record
from drmbids.bids.files.entities import BIDSName
from drmbids.data.storage.files import write_json
from drmbids.data.tools.exceptions import DataError, OutputError

_INPUTS = "*_desc-inputs_runs.json"

#: File in the folder of a participant that lists the files that drmbids wrote there.
WRITTEN = ".written.json"


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
    for name in sorted(_written(old) & _files(old)):
        if not (new / name).exists():
            owner = _owner(_entities(Path(name)), [*made, *others])
            if owner is not None and owner not in made:
                _link(old / name, new / name)


def keep_foreign_files(old: Path, new: Path) -> set[str]:
    """Bring files that drmbids did not write into the folder that replaces the old one.

    Parameters
    ----------
    old, new : Path
        As for :func:`keep_other_analyses`.

    Returns
    -------
    set of str
        Their paths within the folder.

    Raises
    ------
    OutputError
        If a result has the name of such a file, or one cannot be brought over.
    """
    foreign = _files(old) - _written(old)
    for name in sorted(foreign):
        if os.path.lexists(new / name):
            raise OutputError(
                f"{old / name} was not written by drmbids, and a result has its name: move it "
                "elsewhere, then repeat the call (what was fitted is kept)"
            )
        _link(old / name, new / name)
    return foreign


def record_files(folder: Path, foreign: Collection[str] = ()) -> None:
    """Record which files of a participant drmbids wrote: all that are there now, but for some.

    Parameters
    ----------
    folder : Path
        ``sub-<label>``.
    foreign : collection of str
        Paths within the folder of files that it did not write.
    """
    write_json(folder / WRITTEN, {"files": sorted(_files(folder) - {*foreign})})


@contextmanager
def recorded_files(folder: Path) -> Iterator[None]:
    """Add the files that are new when the context ends to the record of a participant's folder.

    Parameters
    ----------
    folder : Path
        ``sub-<label>``; nothing is recorded where it is missing.
    """
    foreign = _files(folder) - _written(folder)
    yield
    if folder.is_dir():
        record_files(folder, foreign)


def _files(folder: Path) -> set[str]:
    """Return the paths of all files in a folder, links that lead nowhere among them."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if (path.is_symlink() or not path.is_dir()) and path != folder / WRITTEN
    }


def _written(folder: Path) -> set[str]:
    """Return which files of a folder drmbids wrote: by its record, or else by their names."""
    recorded = read_record(folder / WRITTEN).get("files")
    if isinstance(recorded, list):
        return {str(name) for name in recorded}
    analyses = [_entities(path) for path in folder.glob(f"models/{_INPUTS}")]
    return {
        name
        for name in _files(folder)
        if (analyses and name.startswith("figures/") and name.endswith(".svg"))
        or _owner(_entities(Path(name)), analyses) is not None
    }


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
            os.link(source, target, follow_symlinks=False)
        except OSError:
            shutil.copy2(source, target, follow_symlinks=False)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
