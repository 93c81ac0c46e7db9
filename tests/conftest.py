"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


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
