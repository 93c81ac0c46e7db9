"""The simulator of small studies: a linear truth that is linear, and dynamics that a GLM misses."""

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import make_first_level_design_matrix

#: Share of the signal that a GLM cannot explain without noise: median over studies.
BEYOND_GLM = {
    "glm": (0.0, 1e-9),
    "response": (0.01, 0.1),
    "response spread": (0.02, 0.15),
    "adaptation": (0.1, 0.4),
    "saturation": (0.1, 0.4),
    "delayed area": (0.1, 0.4),
    "feedback": (0.1, 0.4),
}


@cache
def drawn(families: ModuleType, family: str) -> list[Any]:
    """Return a few studies of a family."""
    return [families.draw(family, seed) for seed in range(5)]


def test_series_of_the_linear_family_are_those_of_nilearn(families: ModuleType) -> None:
    study = drawn(families, "glm")[0]
    design, clean = study.designs[-1], study.clean[-1]["V1"]
    frame = pd.DataFrame(
        {
            "onset": design.onsets,
            "duration": design.durations,
            "trial_type": [f"c{k:02}" for k in design.conditions],
        }
    )
    matrix = make_first_level_design_matrix(
        study.tr * np.arange(len(clean)), frame, hrf_model="spm", drift_model=None
    ).to_numpy()
    left = clean - matrix @ np.linalg.lstsq(matrix, clean, rcond=None)[0]
    assert left.std() < 0.01 * clean.std()  # nilearn's own grid is of a fiftieth of the TR


def test_responses_to_an_event_peak_where_the_family_says(families: ModuleType) -> None:
    """SPM's response to an event of 1 s is half a second later than to an impulse."""
    study = drawn(families, "glm")[1]
    responses = study.responses["V1"]
    assert responses.shape == (study.n_conditions, 640, 10)
    times = families.STEP * np.arange(640)
    assert families.dominant_peak(responses, times) == pytest.approx(5.5, abs=0.05)


@pytest.mark.parametrize("family", BEYOND_GLM)
def test_families_differ_from_a_glm_by_the_share_that_is_stated(
    families: ModuleType, family: str
) -> None:
    low, high = BEYOND_GLM[family]
    assert low <= np.median([study.beyond_glm for study in drawn(families, family)]) <= high


@pytest.mark.parametrize("family", ["saturation", "delayed area"])
def test_signals_are_weighted_sums_of_what_channels_show(families: ModuleType, family: str) -> None:
    study = drawn(families, family)[0]
    for area in study.clean[0]:
        shown, signal = (
            np.concatenate([run[area] for run in runs]) for runs in (study.regressors, study.clean)
        )
        weights = np.linalg.lstsq(shown, signal, rcond=None)[0]
        assert shown @ weights == pytest.approx(signal, abs=1e-6)


def test_studies_are_what_they_are_said_to_be(families: ModuleType) -> None:
    studies = drawn(families, "delayed area")
    for study in studies:
        assert 2 <= len(study.designs) == len(study.measured) <= 7
        assert all(set(d.conditions) == set(range(study.n_conditions)) for d in study.designs)
        assert 100 <= len(study.clean[-1]["V2"]) <= 300 and 2 <= study.n_conditions <= 12
        signal, noise = (
            np.concatenate([run["V1"] for run in runs])
            for runs in (
                study.clean,
                [
                    {"V1": m["V1"] - c["V1"]}
                    for m, c in zip(study.measured, study.clean, strict=True)
                ],
            )
        )
        assert signal.var(0) == pytest.approx(np.full(10, study.share))
        found = np.corrcoef(noise.T)[np.triu_indices(10, 1)].mean()
        assert found == pytest.approx(study.correlation, abs=0.2)
    assert any(study.correlation for study in studies)


def test_the_same_seed_draws_the_same_study(families: ModuleType) -> None:
    (first, other), again = drawn(families, "adaptation")[:2], families.draw("adaptation", 0)
    for one, two in zip(first.measured, again.measured, strict=True):
        assert (one["V1"] == two["V1"]).all()
    assert first.time_constants == again.time_constants != other.time_constants


@pytest.mark.parametrize("back", [-1.2, 0.5])
def test_a_loop_follows_its_equations(families: ModuleType, back: float) -> None:
    """Beside Euler's rule in steps of 1 ms."""
    stimulus = np.zeros((240, 1))
    stimulus[20:100] = 1.0
    found = families.loop((0.5, 2.0), 0.75, back).activity(stimulus)
    x = np.zeros((12001, 2))
    for k in range(12000):
        heard = np.maximum(x[k - 750], 0) if k >= 750 else np.zeros(2)
        drive = np.array([stimulus[k // 50, 0] + back * heard[1], heard[0]])
        x[k + 1] = x[k] + 0.001 * (drive - x[k]) / [0.5, 2.0]
    means = x[:-1].reshape(240, 50, 2).mean(1)
    for name, column in zip(("V1", "V2"), means.T, strict=True):
        assert found[name][:, 0] == pytest.approx(column, abs=2e-3)


def test_a_delay_between_two_steps_moves_a_ramp_by_itself(families: ModuleType) -> None:
    ramp = np.arange(100.0)[:, None] * families.STEP
    assert families.later(ramp, 1.23)[40:] == pytest.approx(ramp[40:] - 1.23)
