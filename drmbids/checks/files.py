"""Which runs there are, and what is overlooked because of its name."""

from pathlib import Path

from drmbids.bids.find import find_runs
from drmbids.bids.problems import warn
from drmbids.checks.inspection import Inspection


def check_files(inspection: Inspection) -> None:
    """Find the runs that are asked for."""
    request = inspection.request
    with inspection.judging():
        if request.bids_dir.is_dir():
            _warn_of_wrong_case(request.bids_dir)
        inspection.files = find_runs(request.bids_dir, **request.query)


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
