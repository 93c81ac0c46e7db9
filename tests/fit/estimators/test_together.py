"""Several estimators fitted at once: as each alone, and what differs in structure on its own."""

import numpy as np
import pytest

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.together import fit_together
from drmbids.fit.training import together as module

TIMES = 2.0 * np.arange(40)


def make_runs(subject: int, n_targets: int = 4, n_volumes: int = 40) -> list[Run]:
    rng = np.random.default_rng(subject)
    times = TIMES[:n_volumes]
    return [
        Run(
            {"V1": Stream(rng.normal(size=(n_volumes, n_targets)), times)},
            {"events": Events(rng.uniform(0, 50, 6), np.full(6, 4.0), list("ababab"))},
            tr=2.0,
            entities={"subject": str(subject), "run": str(k)},
        )
        for k in range(2)
    ]


def test_seeds_subjects_and_others_are_each_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    train = module.train_together

    def noted(fits: list, _: None) -> list[float]:
        batches.append(len(fits))
        return train(fits)

    monkeypatch.setattr(module, "train_together", noted)
    data = [make_runs(0), make_runs(1, 6), make_runs(2), make_runs(3, n_volumes=30), make_runs(4)]
    kinds = [
        lambda: DRMRegressor(stacking="none", n_epochs=3),
        lambda: DRMRegressor(stacking="none", n_epochs=3, random_state=7),
        GLMBaseline,
        lambda: DRMRegressor(stacking="none", n_epochs=3),
        lambda: DRMRegressor(stacking="none", n_epochs=3, n_validation_runs=1),
    ]
    estimators = [make() for make in kinds]
    fit_together(estimators, data)
    assert batches == [2, 1, 1]  # two subjects; a shorter run; a run kept for validation
    for estimator, make, runs in zip(estimators, kinds, data, strict=True):
        alone = make().fit(runs)
        for a, b in zip(estimator.predict(runs), alone.predict(runs), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-3)


def test_no_more_at_once_than_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    monkeypatch.setattr(
        module,
        "train_together",
        lambda fits, _: batches.append(len(fits)) or [module.Trained(0.0)] * len(fits),
    )
    monkeypatch.setattr(module, "MOST_RUNS", 4)
    seeds = [DRMRegressor(stacking="none", n_epochs=1, random_state=k) for k in range(5)]
    fit_together(seeds, [make_runs(0)] * 5)
    assert batches == [2, 2, 1]


def test_faulty_runs_are_refused_before_anything_is_trained() -> None:
    runs = make_runs(0)
    other = make_runs(1, 3)
    with pytest.raises(DataError, match="regions"):
        fit_together([DRMRegressor(n_epochs=1)] * 2, [runs, [runs[0], other[0]]])
