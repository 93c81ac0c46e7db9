"""The work folder: where the finished and unfinished fits of a participant are kept."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from drmbids.app.analysis.config import Config
from drmbids.app.jobs.locks import held
from drmbids.compare.crossvalidation.units import Units
from drmbids.data.storage.fingerprint import fingerprint

#: Work folder inside the output where none is given.
WORK = ".drmbids_work"


def work_folder(config: Config, subject: str) -> Path:
    """Return the folder of a participant's units of work.

    Datasets share a work folder that the user gave, each with a folder of its own in it: many have
    a ``sub-01``.

    Parameters
    ----------
    config : Config
    subject : str
        Label without ``sub-``.
    """
    top = config.out_dir / WORK
    if config.work_dir is not None:
        dataset = config.bids_dir.resolve()
        top = config.work_dir / f"{dataset.name}-{fingerprint(dataset)[:8]}"
    return top / f"sub-{subject}"


@contextmanager
def participant_units(config: Config, subject: str) -> Iterator[Units | None]:
    """Keep a participant's units of work while the context lasts, and longer if it ends badly.

    Where it ends well, those inside the output folder are removed; those in a work folder that the
    user gave stay, unless it is to be cleaned.

    Parameters
    ----------
    config : Config
    subject : str
        Label without ``sub-``; the caller holds its lock in the output folder.

    Yields
    ------
    Units or None
        None in processes that torchrun started: they train one model together, and what each does
        must not depend on what the first one wrote in between.

    Raises
    ------
    LockedError
        If another process uses the participant's folder there.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        yield None
        return
    folder = work_folder(config, subject)
    # beside the dataset's folder, which is removed when it is empty
    lock = folder.parent.with_name(f".{folder.parent.name}_{folder.name}.lock")
    own = nullcontext() if config.work_dir is None else held(lock)
    with own:
        for left in folder.glob(".*"):  # half-written when its process was killed
            shutil.rmtree(left, ignore_errors=True)
        yield Units(folder, every=60 * config.checkpoint_minutes)
        if config.work_dir is None or config.clean_workdir:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # others are at work there
                folder.parent.rmdir()
