"""An ensemble predicts the mean of what its members, fitted on their own, predict."""

from pathlib import Path

import numpy as np
import pytest

from drmbids import DRMRegressor, Ensemble, Events, Run, Stream, compare_models
from drmbids.data.tools.exceptions import DataError, UsageError


def make_runs(n: int = 3) -> list[Run]:
    rng, times = np.random.default_rng(0), 2.0 * np.arange(60)
    events = Events([4.0, 40.0, 70.0], [10.0] * 3, ["face", "house", "face"])
    bump = np.exp(-0.5 * ((times[:, None] - np.array([12.0, 78.0])) / 4) ** 2).sum(1)
    return [
        Run(
            {"V1": Stream(bump[:, None] + 0.5 * rng.standard_normal((60, 4)), times)},
            {"events": events},
            tr=2.0,
            entities={"run": str(k)},
        )
        for k in range(n)
    ]


def test_the_mean_of_members_fitted_alone() -> None:
    runs = make_runs()
    model = Ensemble(DRMRegressor(stacking="none", n_epochs=3), n_members=3, random_state=4).fit(
        runs[:2]
    )
    alone = [
        DRMRegressor(stacking="none", n_epochs=3, random_state=seed).fit(runs[:2])
        for seed in (4, 5, 6)
    ]
    parts = [member.predict(runs[2:])[0] for member in alone]
    assert np.abs(parts[0] - parts[1]).max() > 1e-4
    np.testing.assert_allclose(model.predict(runs[2:])[0], np.mean(parts, axis=0), atol=1e-5)
    assert model.regions_ == {"V1": 4}
    assert np.isfinite(model.score(runs[2:]))


def test_it_is_compared_like_any_other() -> None:
    models = {"one": DRMRegressor(n_epochs=2), "three": Ensemble(DRMRegressor(n_epochs=2), 3)}
    table = compare_models(models, make_runs()).per_target()
    assert set(table["model"]) == {"one", "three"}
    assert table["r"].notna().all()


def test_no_member_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a member, got n_members=0"):
        Ensemble(DRMRegressor(), n_members=0).fit(make_runs())


def test_a_saved_ensemble_predicts_the_same_and_what_was_changed_is_refused(tmp_path: Path) -> None:
    runs = make_runs()
    fitted = Ensemble(DRMRegressor(n_epochs=1), n_members=2, random_state=4).fit(runs[:2])
    fitted.save(tmp_path)
    loaded = Ensemble.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(runs[2:])[0], fitted.predict(runs[2:])[0])
    assert loaded.score(runs[2:]) == fitted.score(runs[2:])
    assert (loaded.n_members, loaded.random_state, loaded.regions_) == (2, 4, {"V1": 4})
    manifest = tmp_path / "member-1" / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(DataError, match="missing, or not what was saved"):
        Ensemble.load(tmp_path)
    (tmp_path / "ensemble.json").unlink()
    with pytest.raises(DataError, match="holds no saved ensemble"):
        Ensemble.load(tmp_path)
