"""Refits are ordinary fits to the choices of data that they say."""

from dataclasses import replace

import numpy as np
import pytest

from drmbids import DRMRegressor, Run, Stream
from drmbids.compare.inference.quantities import Quantities
from drmbids.compare.inference.refits import bootstrap, jackknife, without
from drmbids.compare.inference.slopes import in_double
from drmbids.data.tools.exceptions import DataError, UsageError


@pytest.fixture
def runs(data) -> list[Run]:
    """Return five short runs, which may well have noise in common."""
    short = []
    for k in range(5):
        run = data[k][0]
        responses = {n: Stream(s.values[:40], s.times[:40]) for n, s in run.responses.items()}
        confounds = Stream(run.confounds.values[:40], run.confounds.times[:40])
        short.append(replace(run, responses=responses, confounds=confounds, duration=80.0))
    return short


def quickly(fit: DRMRegressor) -> DRMRegressor:
    """Return an unfitted model of the same file that trains for two epochs."""
    return DRMRegressor(fit.model, n_epochs=2, alphas=1e-3)


def test_bootstrap_is_what_fits_one_by_one_give(fits, runs) -> None:
    estimator = quickly(fits[0]).fit(runs)
    quantities = Quantities(estimator.net_)
    spread = bootstrap(estimator, runs, quantities, 3, np.random.default_rng(7))
    drawn = np.random.default_rng(7).integers(5, size=(3, 5))
    alone = [
        quantities.free(in_double(quickly(fits[0]).fit([runs[k] for k in choice]).net_))
        for choice in drawn
    ]
    wanted = np.std(alone, axis=0, ddof=1) * np.sqrt(5 / 4)
    np.testing.assert_allclose(spread.error, wanted, rtol=1e-3)
    assert spread.degrees == 4


def test_jackknife_leaves_out_each_block_once(fits, runs) -> None:
    estimator = quickly(fits[0]).fit(runs)
    quantities = Quantities(estimator.net_)
    spread = jackknife(estimator, runs, quantities)
    alone = []
    for k, run in enumerate(runs):
        for block in np.array_split(np.arange(40), 2):
            chosen = [without(run, block) if j == k else other for j, other in enumerate(runs)]
            alone.append(quantities.free(in_double(quickly(fits[0]).fit(chosen).net_)))
    away = np.array(alone) - np.mean(alone, axis=0)
    np.testing.assert_allclose(spread.error, np.sqrt(0.9 * (away**2).sum(0)), rtol=1e-3)
    assert spread.degrees == 9


def test_what_is_left_out_is_missing_and_nothing_else(runs) -> None:
    left = without(runs[0], np.array([3, 4]))
    for name, stream in left.responses.items():
        assert np.isnan(stream.values[3:5]).all()
        rows = np.r_[0:3, 5:40]
        np.testing.assert_array_equal(stream.values[rows], runs[0].responses[name].values[rows])
    assert not np.isnan(runs[0].responses["V1"].values).any()
    assert left.stimuli["events"] is runs[0].stimuli["events"]


def test_too_little_data_are_refused(fits, runs) -> None:
    quantities = Quantities(fits[0].net_)
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match=r"over 4 runs.*jackknife"):
        bootstrap(fits[0], runs[:4], quantities, 10, rng)
    with pytest.raises(UsageError, match="n_resamples"):
        bootstrap(fits[0], runs, quantities, 1, rng)
    with pytest.raises(DataError, match="10 blocks of 4 volumes"):
        jackknife(fits[0], runs[:1], quantities)
