"""The linear model with free hemodynamics: a GLM whose response is wrong is beaten, no more."""

from typing import Any

import numpy as np
import pytest
from nilearn.glm.first_level import compute_regressor, glover_hrf

from drmbids import Events, GLMBaseline, Run, Stream, free_hrf_baseline


def slow(t_r: float, oversampling: int = 20, *_: Any) -> np.ndarray:
    """Return Glover's response stretched to a peak of 8 s."""
    return glover_hrf(t_r * 5.0 / 8.0, oversampling)


def drawn(hrf: Any, tr: float = 2.0, n_conditions: int = 2, seconds: float = 400.0) -> list[Run]:
    rng = np.random.default_rng(0)
    names = [f"c{k}" for k in range(n_conditions)]
    runs, weights = [], rng.normal(1, 0.3, (n_conditions, 4))
    for k in "12":
        onsets = 4 + np.cumsum(rng.uniform(9, 13, int(seconds / 13)))
        shown = rng.choice(names, len(onsets)).tolist()
        times = tr * np.arange(round(seconds / tr))
        design = np.zeros((len(times), n_conditions))
        for j, name in enumerate(names):
            own = onsets[np.array(shown) == name]
            if len(own):
                events = np.array([own, np.full(len(own), 3.0), np.ones(len(own))])
                design[:, j] = compute_regressor(events, hrf, times, oversampling=20)[0][:, 0]
        signal = design @ weights
        bold = signal + 0.7 * signal.std() * rng.normal(size=signal.shape)
        events = Events(onsets, np.full(len(onsets), 3.0), shown, columns=names)
        stream = Stream(bold, times)
        runs.append(Run({"V1": stream}, {"events": events}, tr=tr, entities={"run": k}))
    return runs


def test_it_finds_a_slow_response_that_a_glm_lacks() -> None:
    train, test = drawn(slow)
    free, fixed = free_hrf_baseline().fit([train]), GLMBaseline().fit([train])
    assert free.score([test]) > fixed.score([test]) + 0.2


def test_it_costs_little_where_the_glm_is_right() -> None:
    train, test = drawn("glover")
    free, fixed = free_hrf_baseline().fit([train]), GLMBaseline().fit([train])
    assert free.score([test]) == pytest.approx(fixed.score([test]), abs=0.03)


@pytest.mark.parametrize(("tr", "n_conditions"), [(0.4, 2), (3.6, 2), (2.0, 60)])
def test_one_training_run_is_enough_for_any_design(tr: float, n_conditions: int) -> None:
    train, test = drawn("glover", tr, n_conditions)
    score = free_hrf_baseline().fit([train]).score([test])
    assert score > 0.2
