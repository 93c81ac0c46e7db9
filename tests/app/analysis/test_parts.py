"""Intervals go on where they were stopped, and are not made twice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drmbids.app.analysis.config import Config
from drmbids.app.analysis.parts import interval_table_of
from drmbids.compare.crossvalidation.units import Units
from drmbids.compare.inference import refits
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.interruption import Interrupted
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.training import checkpoint

MODEL = {
    "schema_version": 1,
    "stimuli": {"events": {"conditions": "all"}},
    "populations": {"V1": {"kind": "leaky", "units": 1, "nonlinearity": "linear"}},
    "projections": [{"from": "events", "to": "V1"}],
    "readout": {"kind": "bold", "hrf": {"kind": "double_gamma", "trainable": False}},
}


def test_intervals_go_on_where_they_were_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times, rng = 2.0 * np.arange(80), np.random.default_rng(0)
    events = Events(np.arange(5.0, 140.0, 20.0), [4.0] * 7, ["face"] * 7)
    bold = Stream(np.sin(times / 20 * 2 * np.pi)[:, None] + rng.normal(size=(80, 3)), times)
    runs = [Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": "1"})]
    estimator = DRMRegressor(MODEL, n_epochs=3, alphas=1e-3).fit(runs)
    config = Config(tmp_path, tmp_path / "out", "participant", intervals="jackknife")
    wanted = interval_table_of(config, "drm", estimator, runs)
    assert wanted is not None

    places, calls = Units(tmp_path / "work"), [0]

    def stop() -> None:
        calls[0] += 1
        if calls[0] == 3:  # epochs on
            raise Interrupted("a stop was asked for")

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(checkpoint, "stop_if_asked", stop)
        interval_table_of(config, "drm", estimator, runs, places)
    (kept,) = (path.name for path in places.folder.iterdir())
    assert kept.startswith("training_")
    begun, resume = [], checkpoint.Progress._resume

    def resumed(own: checkpoint.Progress) -> int:
        begun.append(resume(own))
        return begun[-1]

    monkeypatch.setattr(checkpoint.Progress, "_resume", resumed)
    found = interval_table_of(config, "drm", estimator, runs, places)
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    assert begun == [2]
    (kept,) = (path.name for path in places.folder.iterdir())
    assert kept.startswith("drm_intervals_")
    monkeypatch.setattr(refits, "fit_together", None)  # nothing is fitted again
    pd.testing.assert_frame_equal(interval_table_of(config, "drm", estimator, runs, places), wanted)
