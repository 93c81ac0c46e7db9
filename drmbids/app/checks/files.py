"""Which runs there are, and what is overlooked because of its name."""

from collections.abc import Sequence
from pathlib import Path

from drmbids.app.checks.inspection import Inspection
from drmbids.bids.files.dataset import open_dataset
from drmbids.bids.files.entities import PROCESSING, plain
from drmbids.bids.files.find import RunFiles, find_runs
from drmbids.bids.files.problems import warn


def check_files(inspection: Inspection) -> None:
    """Find the runs that are asked for."""
    request = inspection.request
    with inspection.judging():
        if request.bids_dir.is_dir():
            _warn_of_wrong_case(request.bids_dir)
        inspection.files = find_runs(request.bids_dir, **request.query)
        if not request.query.get("derivatives"):
            _warn_of_preprocessed(request.bids_dir, inspection.files)


def _warn_of_preprocessed(root: Path, files: Sequence[RunFiles]) -> None:
    """Warn if raw images are analysed whose preprocessed ones lie among the derivatives."""
    raw = [f for f in files if "desc" not in f.entities]
    for dataset in open_dataset(root).derived() if raw else ():
        done = [
            {k: v for k, v in name.without(PROCESSING).items() if k != "hemi"}
            for name in dataset.files(list({f.entities["subject"] for f in raw}))
            if name.file_format is not None and name.entities.get("desc") == "preproc"
        ]
        for one in raw:
            own = {k: plain(k, v) for k, v in one.entities.items() if k not in PROCESSING}
            if own in done:
                found = f"raw images are analysed, but {dataset.root} holds preprocessed ones"
                name = dataset.root.name
                remedy = f"take these with -d {name}={dataset.root} (Python: derivatives=...)"
                warn("DS10", root, found, f"{remedy}, unless the raw ones are meant")
                break


def _warn_of_wrong_case(root: Path) -> None:
    """Warn of folders that would be participants, sessions or data but for capital letters."""
    participants = [p for p in root.iterdir() if _is(p, "sub-")]
    sessions = [s for p in participants for s in p.iterdir() if _is(s, "ses-")]
    data = [f for p in (*participants, *sessions) for f in p.iterdir() if _is(f, "func")]
    for folder in sorted([*participants, *sessions, *data]):
        key, dash, label = folder.name.partition("-")
        if key != key.lower():
            right = key.lower() + dash + label
            warn("DS08", folder, "is left out: BIDS writes it in lower case", f"rename it {right}")


def _is(path: Path, start: str) -> bool:
    """Return whether a folder's name starts so, in any case."""
    return path.name.lower().startswith(start) and path.is_dir()
