"""The shipped dataset, and the script that made it."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from drmbids import Run, load_runs
from drmbids.data.tools.resources import demo_dataset


@pytest.fixture(scope="session")
def dataset() -> Path:
    """Return the shipped dataset."""
    return demo_dataset()


@pytest.fixture(scope="session")
def models(dataset: Path) -> Path:
    """Return the folder of the shipped model files."""
    return dataset.parent / "models"


@pytest.fixture(scope="session")
def script(dataset: Path) -> SimpleNamespace:
    """Return what the script that made the dataset defines; no bytecode is left among the data."""
    return SimpleNamespace(**runpy.run_path(str(dataset.parent / "make_data.py")))


@pytest.fixture(scope="session")
def participant(request: pytest.FixtureRequest, dataset: Path) -> list[Run]:
    """Return the runs of one participant, loaded as a user loads them."""
    derived = dataset / "derivatives" / "preprocessed"
    func = derived / f"sub-{request.param}" / "func"
    masks = {
        name: func / f"sub-{request.param}_task-contrast_desc-{name}_mask.nii.gz"
        for name in ("V1", "V2")
    }
    return load_runs(
        dataset,
        subject=request.param,
        derivatives=derived,
        atlas_or_mask=masks,
        confounds=["trans_*", "rot_*"],
    )
