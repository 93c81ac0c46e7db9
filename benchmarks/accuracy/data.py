"""Where the measured data sets are."""

import os
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

#: Seeds of every model that starts from random weights.
SEEDS = (0, 1, 2)


def data_folder() -> Path:
    """Return the folder of measured data sets; they are not part of the repository."""
    return Path(os.environ.get("DRMBIDS_SHARED_DATA", SHARED))
