"""Parameters that the data say nothing of are told."""

import warnings

import numpy as np
import pytest

from drmbids.app.analysis.unmoved import warn_of_unmoved
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import TrainingWarning
from drmbids.fit.estimators.drm import DRMRegressor

POPULATION = {"kind": "leaky", "units": 2, "nonlinearity": "linear"}
MODEL = {
    "schema_version": 1,
    "stimuli": {"events": {"conditions": "all"}},
    "populations": {"V1": POPULATION, "V2": POPULATION},
    "projections": [{"from": "events", "to": "V1"}, {"from": "events", "to": "V2"}],
    "readout": {"kind": "bold", "hrf": {"kind": "double_gamma", "trainable": False}},
}


def fitted(silent: bool, n_epochs: int = 4) -> tuple[DRMRegressor, list[Run]]:
    times, rng = 2.0 * np.arange(60), np.random.default_rng(0)
    events = Events(np.arange(5.0, 100.0, 20.0), [4.0] * 5, ["face"] * 5)
    series = np.sin(times / 20 * 2 * np.pi)[:, None] + rng.normal(size=(60, 2))
    responses = {"V1": Stream(series, times), "V2": Stream(series * (not silent), times)}
    runs = [Run(responses, {"events": events}, tr=2.0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the silent region
        return DRMRegressor(MODEL, n_epochs=n_epochs, alphas=1e-3).fit(runs), runs


def test_parameters_without_a_gradient_are_named() -> None:
    told = r"^drm: training left tau of V2 exactly where the model file starts"
    with pytest.warns(TrainingWarning, match=told):
        warn_of_unmoved("drm", *fitted(silent=True))


def test_nothing_is_said_of_parameters_that_moved_or_were_not_trained() -> None:
    warn_of_unmoved("drm", *fitted(silent=False))
    warn_of_unmoved("drm", *fitted(silent=True, n_epochs=0))
