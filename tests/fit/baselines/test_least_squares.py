"""Targets taken some at a time are fitted as all at once, across regions, gaps and weights."""

import numpy as np
import pytest
from sklearn.base import clone

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.weights import with_weights
from drmbids.fit.baselines import least_squares as module
from drmbids.fit.baselines.autoregressive import ARBaseline
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.least_squares import Measured
from drmbids.fit.baselines.library import HRFLibrary
from drmbids.fit.baselines.ridge import RidgeBaseline

TIMES = 2.0 * np.arange(60)


def make_run(k: int) -> Run:
    rng = np.random.default_rng(k)
    values = rng.normal(size=(60, 7))
    values[3:5, 2], values[10, 6] = np.nan, np.nan
    responses = {"V1": Stream(values[:, :3], TIMES), "V2": Stream(values[:, 3:], TIMES)}
    events = Events([10.0 + k, 60.0], [10.0, 10.0], ["a", "b"])
    return Run(responses, {"events": events}, tr=2.0, entities={"run": str(k)})


@pytest.mark.parametrize(
    "model",
    [GLMBaseline(), ARBaseline(), RidgeBaseline(delays=(2.0, 4.0)), HRFLibrary()],
    ids=["glm", "ar", "ridge", "library"],
)
@pytest.mark.parametrize("wide", [False, True])
def test_blocks_of_targets_change_no_number(model, wide, monkeypatch):
    runs = [make_run(k) for k in range(3)]
    if wide:
        drawn = [np.random.default_rng(k).exponential(size=(60, 7)) for k in range(3)]
        runs = with_weights(runs, drawn)
    whole = clone(model).fit(runs).coef_
    monkeypatch.setattr(module, "TARGETS_AT_ONCE", 2)  # a block spans both regions
    np.testing.assert_allclose(clone(model).fit(runs).coef_, whole, rtol=1e-9, atol=1e-12)


def test_columns_are_those_of_the_regions_side_by_side():
    run = make_run(0)
    series = Measured(run, {"V1": 3, "V2": 4})
    both = np.concatenate([run.responses[name].values for name in ("V1", "V2")], axis=1)
    assert series.shape == both.shape
    for some in (slice(0, 2), slice(2, 5), slice(5, 7)):
        np.testing.assert_array_equal(series.columns(some), both[:, some])


@pytest.mark.parametrize("noise", [1e-15, 1e-13, 1e-11])
def test_weights_of_collinear_regressors_do_not_follow_rounding(noise):
    """Held-out runs may tell apart what the training runs do not: no weight may be rounding's."""
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 50))
    values, basis = rng.normal(size=(50, 3)), np.ones((50, 1)) / 50**0.5
    designs = [
        np.column_stack([one, two, one + two + sign * noise * rng.normal(size=50)])
        for sign in (0, 1)
    ]
    exact, rounded = (module.least_squares([x], [values], [basis]) for x in designs)
    np.testing.assert_allclose(rounded, exact, atol=1e-6)
    assert np.abs(exact).max() < 1


def test_a_regressor_whose_events_are_held_out_gets_no_weight():
    """What rounding leaves of it in the samples trained on would get a huge one."""
    rng = np.random.default_rng(0)
    shown = np.where(np.arange(60) < 40, 1e-12 * rng.normal(size=60), rng.normal(size=60))
    values = rng.normal(size=(60, 2))
    values[40:] = np.nan
    design = np.column_stack([rng.normal(size=60), shown])
    found = module.least_squares([design], [values], [np.ones((60, 1)) / 60**0.5])
    assert not found[1].any() and found[0].all()
