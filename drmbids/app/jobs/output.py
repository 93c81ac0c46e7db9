"""The output folder: checked before work starts, and never left with half a participant."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drmbids.app.jobs.locks import held
from drmbids.bids.derivatives import source_description
from drmbids.bids.files.dataset import DESCRIPTION
from drmbids.data.tools.exceptions import OutputError, UsageError

# Folder in a stage that takes the files of an earlier result.
_REPLACED = "replaced"


def check_output(bids_dir: Path, out_dir: Path) -> None:
    """Make the output folder, and see that it is no input and can be written.

    Parameters
    ----------
    bids_dir : Path
        The input dataset.
    out_dir : Path
        The folder to write; made where missing. Inside ``bids_dir/derivatives`` is the usual place.

    Raises
    ------
    UsageError
        If the input is no folder, or the output is the input, lies among its raw data, or holds
        another dataset or files that would be overwritten.
    OutputError
        If the output cannot be written.
    """
    if not bids_dir.is_dir():
        raise UsageError(f"{bids_dir}: no such folder; give the root of a BIDS dataset")
    source, target = bids_dir.resolve(), out_dir.resolve()
    if target == source:
        raise UsageError(
            f"{out_dir}: the output is the input dataset; use {bids_dir / 'derivatives/drmbids'}"
        )
    if target.is_relative_to(source):
        top = target.relative_to(source).parts[0]
        if top.startswith("sub-") or top in ("sourcedata", "stimuli", "code"):
            raise UsageError(
                f"{out_dir}: the output lies in {top} of the input dataset; "
                f"use {bids_dir / 'derivatives/drmbids'}"
            )
    if source.is_relative_to(target):
        raise UsageError(f"{out_dir}: the output holds the input dataset; use a folder of its own")
    foreign = _foreign_content(out_dir)
    if foreign is not None:
        raise UsageError(
            f"{out_dir} holds {foreign}, which drmbids did not write and would replace; give a "
            "folder of its own"
        )
    with _as_output_error(out_dir):
        out_dir.mkdir(parents=True, exist_ok=True)
        probe = out_dir / f".{uuid.uuid4()}"
        probe.write_bytes(b"")
        probe.unlink()


def _foreign_content(out_dir: Path) -> str | None:
    """Return what of another program or person a folder holds that would be replaced."""
    if (out_dir / DESCRIPTION).is_file():
        made_by = source_description(out_dir).get("GeneratedBy") or []
        names = [str(one.get("Name")) for one in made_by if isinstance(one, dict)]
        return None if "drmbids" in names else f"the dataset of {', '.join(names) or 'another'}"
    found = [out_dir / name for name in ("README.md", "descriptions.tsv", ".bidsignore")]
    found += sorted(out_dir.glob("sub-*"))
    return next((path.name for path in found if os.path.lexists(path)), None)


def lock_path(out_dir: Path, subject: str) -> Path:
    """Return the file that says who works on a participant."""
    return out_dir / f".sub-{subject}.lock"


@contextmanager
def locked_participant(out_dir: Path, subject: str) -> Iterator[None]:
    """Keep other processes from a participant, and put right what a killed one left of it.

    Parameters
    ----------
    out_dir : Path
        The derivative dataset.
    subject : str
        Label without ``sub-``.

    Raises
    ------
    LockedError
        If another process works on it.
    """
    with held(lock_path(out_dir, subject)):
        with _as_output_error(out_dir):
            for stage in out_dir.glob(f".sub-{subject}-*"):
                _recover(stage, out_dir, subject)
        yield


def _recover(stage: Path, out_dir: Path, subject: str) -> None:
    """Finish the move of a stage that was complete when its process was killed; remove it."""
    old = stage / _REPLACED
    if old.is_dir():
        for name in _names(subject):
            if os.path.lexists(stage / name):
                if os.path.lexists(out_dir / name):
                    (out_dir / name).rename(old / name)
                (stage / name).rename(out_dir / name)
    shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def staged_participant(out_dir: Path, subject: str) -> Iterator[Path]:
    """Collect the files of one participant in a hidden folder, and move them in place at the end.

    Parameters
    ----------
    out_dir : Path
        The derivative dataset.
    subject : str
        Label without ``sub-``.

    Yields
    ------
    Path
        A folder to write ``sub-<label>/`` and ``sub-<label>.html`` to. When the context ends well,
        they replace those in ``out_dir``; when it ends by an exception, Ctrl-C included, the
        folder is removed and what was in ``out_dir`` stays.

    Raises
    ------
    OutputError
        If files cannot be written or moved.
    """
    stage = out_dir / f".sub-{subject}-{uuid.uuid4().hex[:8]}"
    try:
        with _as_output_error(out_dir):
            stage.mkdir()
        yield stage
        with _as_output_error(out_dir):
            _move_in_place(stage, out_dir, _names(subject))
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _names(subject: str) -> list[str]:
    return [f"sub-{subject}", f"sub-{subject}.html"]


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _move_in_place(stage: Path, out_dir: Path, names: list[str]) -> None:
    """Swap the staged files for those of an earlier result, and swap back if a step fails."""
    old = stage / _REPLACED  # from here on the stage is complete: see _recover
    old.mkdir()
    done: list[tuple[Path, Path]] = []
    try:
        for name in names:
            for source, target in ((out_dir / name, old / name), (stage / name, out_dir / name)):
                if os.path.lexists(source):
                    source.rename(target)
                    done.append((source, target))
    except BaseException:
        _put_back(done, old)
        raise


def _put_back(done: list[tuple[Path, Path]], old: Path) -> None:
    for source, target in reversed(done):
        target.rename(source)
    old.rmdir()
