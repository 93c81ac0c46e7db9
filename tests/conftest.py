"""Fixtures shared by all tests."""

import gc
import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import nibabel as nib
import numpy as np
import pytest
from nibabel import cifti2, gifti

import drmbids.app.report
from drmbids.data.runs import inner_folds
from drmbids.fit.estimators import stacking

EMPTY = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>'


def pytest_collection_finish() -> None:
    """Keep what is imported by now out of the garbage collector's way: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def disk_that_needs_no_waiting_for() -> Iterator[None]:
    """Let files be flushed at once: no test cuts the power, and waits are most of a writer's time.

    A handle that is not open is still an error.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture(scope="module", autouse=True)
def few_fits_of_the_default_model(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the default model leave out two parts of the data, not four, and train no response.

    Most tests fit it to prove something else. Modules of what it predicts, and those that fit it in
    other processes too, are marked ``whole_fit``.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("whole_fit") is None:
            patch.setattr(inner_folds, "N_INNER_FOLDS", 2)
            patch.setitem(stacking.N_EPOCHS, "evidence", 0)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of measured data sets, or skip: they are not part of the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("DRMBIDS_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"measured data sets not found in {folder}; set DRMBIDS_SHARED_DATA")
    return folder


@pytest.fixture
def haxby(shared_data: Path) -> Path:
    """Return the Haxby BIDS dataset (one subject, 12 runs)."""
    return shared_data / "haxby_bids"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let figures of reports be made but not drawn, where a test asks about something else.

    Drawing takes most of the time of a report, and of a small analysis on the command line.
    """
    monkeypatch.setattr("drmbids.app.report.svg.svg", lambda _: EMPTY)


def leave_out_figures(patch: pytest.MonkeyPatch) -> None:
    """Let reports be written without figures, which take half the time of a small analysis.

    A figure that fails costs its section alone, so that these tests would not see it anyway; those
    of ``test_participant_level.py`` look at a report with all its figures.
    """
    for found in iter_modules(drmbids.app.report.__path__, "drmbids.app.report."):
        module = import_module(found.name)
        for name, thing in list(vars(module).items()):
            if hasattr(thing, "__wrapped__") and thing.__module__.startswith(
                "drmbids.compare.drawing."
            ):
                patch.setattr(module, name, lambda *_, **__: None)
    patch.setattr("drmbids.app.report.svg.svg", lambda _: EMPTY)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave figures out of reports."""
    leave_out_figures(monkeypatch)


@pytest.fixture(scope="module")
def no_figures_in_module() -> Iterator[None]:
    """Leave figures out of reports while a fixture of the module, and then its tests, run."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        yield


def write_surfaces(root: Path, n_vertices: int = 8) -> Path:
    """Write a dataset of three runs, and an fMRIPrep-like derivative of it without volumes.

    ``hemi-{L,R}_space-fsaverage5_bold.func.gii`` with a silent last vertex, grayordinates and two
    parcels; the derivative's folder is returned.
    """
    rng, derived = np.random.default_rng(0), root / "derivatives" / "fmriprep"
    made = {"DatasetType": "derivative", "GeneratedBy": [{"Name": "fMRIPrep"}]}
    raw_func, func = root / "sub-01" / "func", derived / "sub-01" / "func"
    for folder, more in ((root, {"DatasetType": "raw"}), (derived, made)):
        (folder / "sub-01" / "func").mkdir(parents=True)
        described = {"Name": "surfaces", "BIDSVersion": "1.10.1", **more}
        (folder / "dataset_description.json").write_text(json.dumps(described))
    (derived / "task-look_bold.json").write_text(json.dumps({"RepetitionTime": 2.0}))
    inside = np.arange(n_vertices) < n_vertices - 1
    dense = (
        cifti2.BrainModelAxis.from_mask(inside, name="cortex_left")
        + cifti2.BrainModelAxis.from_mask(inside, name="cortex_right")
        + cifti2.BrainModelAxis.from_mask(np.ones((2, 1, 1)), "thalamus_left", np.eye(4))
    )
    half = [
        cifti2.BrainModelAxis.from_surface(places, n_vertices, "cortex_left")
        for places in (np.arange(3), np.arange(3, 6))
    ]
    parcels = cifti2.ParcelsAxis.from_brain_models(list(zip("AB", half, strict=True)))
    response = np.zeros(40)
    for onset in (6, 24, 44, 62):
        response[(onset + 4) // 2 : (onset + 4) // 2 + 4] = 1

    def series(n: int) -> np.ndarray:
        return (100 + 5 * response[:, None] + rng.normal(size=(40, n))).astype(np.float32)

    events = "onset\tduration\ttrial_type\n6\t8\tface\n24\t8\thouse\n44\t8\tface\n62\t8\thouse\n"
    for run in (1, 2, 3):
        stem = f"sub-01_task-look_run-{run}"
        (raw_func / f"{stem}_events.tsv").write_text(events)
        for side, structure in (("L", "CortexLeft"), ("R", "CortexRight")):
            rows = series(n_vertices) * inside
            step = gifti.GiftiMetaData({"TimeStep": "2000.0"})
            arrays = [gifti.GiftiDataArray(r, "NIFTI_INTENT_TIME_SERIES", meta=step) for r in rows]
            meta = gifti.GiftiMetaData({"AnatomicalStructurePrimary": structure})
            image = gifti.GiftiImage(darrays=arrays, meta=meta)
            nib.save(image, func / f"{stem}_hemi-{side}_space-fsaverage5_bold.func.gii")
        steps = cifti2.SeriesAxis(0, 2.0, 40, "SECOND")
        for axis, name in (
            (dense, "space-fsLR_den-91k_bold.dtseries.nii"),
            (parcels, "space-fsLR_seg-Two_den-91k_stat-mean_timeseries.ptseries.nii"),
        ):
            nib.save(cifti2.Cifti2Image(series(len(axis)), (steps, axis)), func / f"{stem}_{name}")
    return derived


@pytest.fixture
def surfaces(tmp_path: Path) -> Path:
    """Return a derivative of surfaces, grayordinates and parcels; its raw dataset lies above it."""
    return write_surfaces(tmp_path / "ds")


def simulator(name: str) -> ModuleType:
    """Return a module of this folder that draws data without any code of the package."""
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def truth() -> ModuleType:
    """Return the simulator of areas in steps of 5 ms (``tests/truth.py``)."""
    return simulator("truth")


@pytest.fixture(scope="session")
def families() -> ModuleType:
    """Return the simulator of small studies of several families (``tests/families.py``)."""
    return simulator("families")
