"""Start on a tree of many participants: find the runs of one, and of all."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.rows import Row
from drmbids.bids.files.find import find_runs

N_SUBJECTS, N_RUNS = 200, 4
ONE, ALL = 1.0, 5.0  # seconds that a user waits without a thought, and with one


def make_tree(root: Path, n_subjects: int = N_SUBJECTS, n_runs: int = N_RUNS) -> Path:
    """Write empty files under the names of a raw dataset and of an fMRIPrep derivative of it.

    For each run five raw files and eleven derived ones, volumes in two spaces and surfaces.

    Parameters
    ----------
    root : Path
    n_subjects, n_runs : int

    Returns
    -------
    Path
        The derivative.
    """
    derived = root / "derivatives" / "fmriprep"
    made = {"DatasetType": "derivative", "GeneratedBy": [{"Name": "fMRIPrep"}]}
    for folder, more in ((root, {}), (derived, made)):
        folder.mkdir(parents=True)
        described = {"Name": "many", "BIDSVersion": "1.10.1", **more}
        (folder / "dataset_description.json").write_text(json.dumps(described))
    for subject in range(1, n_subjects + 1):
        raw, func = (f / f"sub-{subject:03d}" / "func" for f in (root, derived))
        raw.mkdir(parents=True)
        func.mkdir(parents=True)
        for run in range(1, n_runs + 1):
            stem = f"sub-{subject:03d}_task-x_run-{run}"
            for name in ("bold.nii.gz", "events.tsv", "physio.tsv.gz", "physio.json"):
                (raw / f"{stem}_{name}").touch()
            (raw / f"{stem}_bold.json").write_text('{"RepetitionTime": 2.0}')
            (func / f"{stem}_desc-confounds_timeseries.tsv").touch()
            for space in ("T1w", "MNI152NLin2009cAsym"):
                (func / f"{stem}_space-{space}_desc-preproc_bold.nii.gz").touch()
                (func / f"{stem}_space-{space}_desc-brain_mask.nii.gz").touch()
                sidecar = func / f"{stem}_space-{space}_desc-preproc_bold.json"
                sidecar.write_text('{"RepetitionTime": 2.0}')
            for side in "LR":
                (func / f"{stem}_hemi-{side}_space-fsaverage6_bold.func.gii").touch()
                sidecar = func / f"{stem}_hemi-{side}_space-fsaverage6_bold.json"
                sidecar.write_text('{"RepetitionTime": 2.0}')
    return derived


def _median_seconds(function: Callable[[], object], rounds: int = 3) -> float:
    """Return the median of a few calls after a first one, which warms the disk's cache."""
    function()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def many_participants() -> list[Row]:
    """Time to the runs of one participant of 200, and of all."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "ds"
        derived = make_tree(root)
        n_files = sum(len(files) for _, _, files in os.walk(root))
        tree = f"{N_SUBJECTS} participants, {n_files} files"
        find = {"derivatives": derived, "space": "T1w"}
        alone = (
            "from drmbids import find_runs; "
            f"find_runs({str(root)!r}, derivatives={str(derived)!r}, space='T1w', subject='001')"
        )
        one = _median_seconds(lambda: subprocess.run([sys.executable, "-c", alone], check=True), 5)
        every = _median_seconds(lambda: find_runs(root, **find), rounds=3)
    return [
        Row("many-participants", "find_runs", "seconds, one, new process", one, ONE, True, tree),
        Row("many-participants", "find_runs", "seconds, all", every, ALL, True, tree),
    ]


ROWS = {"many-participants": many_participants}
