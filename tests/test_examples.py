"""The examples run as a reader would run them, and show what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(name: str) -> str:
    """Return what an example prints."""
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_brain_by_hand() -> None:
    found = re.search(r"loss [\d.]+ -> ([\d.]+)", run("plot_1_first_model.py"))
    assert found is not None and float(found[1]) < 0.7  # a unit that is dead explains nothing


@pytest.mark.slow
def test_models_compared() -> None:
    out = run("plot_2_compare_models.py")
    assert "R2 of each held-out run" in out and "feedback" in out and "glm" in out


def test_a_population_of_your_own() -> None:
    assert "keeps the contract" in run("plot_3_own_population.py")


@pytest.mark.slow
def test_which_connection_attention_modulates() -> None:
    out = run("plot_4_attention_to_motion.py")
    assert "attention modulates V1 -> V5" in out


def test_a_column_that_oscillates() -> None:
    out = run("plot_7_oscillating_column.py")
    assert "the same seed, the same noise: True" in out and "n_substeps=2" in out
    found = re.search(r"without noise: \[([\d. ]+)\]", out)
    assert found is not None
    rest, low, high, _ = map(float, found[1].split())
    assert max(rest, low) < 0.01 and high > 0.1


@pytest.mark.slow
def test_receptive_fields_are_recovered() -> None:
    found = re.search(r"off by \(deg\): \[([\d. ]+)\]", run("plot_8_receptive_fields.py"))
    assert found is not None and max(map(float, found[1].split())) < 0.4


def test_every_example_is_run() -> None:
    text = Path(__file__).read_text()
    assert all(path.name in text for path in EXAMPLES.glob("*.py"))
