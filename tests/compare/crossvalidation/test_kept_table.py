"""A table is made once; one that is damaged, or of other settings, is made again."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from drmbids.compare.crossvalidation.kept_table import kept_table
from drmbids.compare.crossvalidation.units import Units
from drmbids.data.tools.exceptions import DataWarning, DRMWarning
from drmbids.fit.baselines.ridge import RidgeBaseline

TABLE = pd.DataFrame(
    {
        "part": ["a & b", "ü", None],
        "index": [0, 1, 2],
        "trainable": [True, False, True],
        "r2": [0.1, np.nan, -0.5],
    }
)


@pytest.fixture
def made() -> list[Any]:
    """Return a list that settings are added to as tables are made."""
    return []


def get(folder: Path, made: list[Any], settings: Any = 1) -> pd.DataFrame:
    def make(checkpoint: Any) -> pd.DataFrame:
        made.append(settings)
        warnings.warn("few volumes", DataWarning, stacklevel=1)
        return TABLE

    return kept_table(Units(folder), "a/b & c", "parts", RidgeBaseline(), [], settings, make)


def test_a_table_and_its_warnings_come_back(tmp_path: Path, made: list[Any]) -> None:
    for _ in range(2):
        with pytest.warns(DataWarning, match="few volumes"):
            found = get(tmp_path, made)
        pd.testing.assert_frame_equal(found, TABLE)
    with pytest.warns(DataWarning):
        get(tmp_path, made, settings=2)
    assert made == [1, 2]
    assert {path.name[:12] for path in tmp_path.iterdir()} == {"a-b-c_parts_"}


def test_a_table_with_a_fault_is_made_again(tmp_path: Path, made: list[Any]) -> None:
    with pytest.warns(DataWarning):
        get(tmp_path, made)
    (facts,) = tmp_path.glob("*/facts.json")
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"columns": ["other"]}))
    refused = pytest.warns(DRMWarning, match="unit of work refused: .*facts.json: its checksum")
    with refused, pytest.warns(DataWarning, match="few volumes"):
        get(tmp_path, made)
    assert made == [1, 1]
