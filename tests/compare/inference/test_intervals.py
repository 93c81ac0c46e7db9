"""Intervals as a user gets them."""

import numpy as np
import pytest

from drmbids import DRMRegressor, parameter_intervals
from drmbids.data.tools.exceptions import TrainingWarning, UsageError


def test_rows_are_those_of_the_parameters_table(fits, data) -> None:
    table = parameter_intervals(fits[0], data[0])
    known = fits[0].parameters_table()
    known = known[known["trainable"]]
    assert list(table) == [*known, "low", "high", "level", "method"]
    np.testing.assert_allclose(table["value"], known["value"], rtol=1e-5)
    assert table[["node", "parameter", "index"]].equals(
        known[["node", "parameter", "index"]].reset_index(drop=True)
    )
    assert (table["low"] < table["value"]).all() and (table["value"] < table["high"]).all()
    assert (table["low"] > 0).all()  # a time constant
    assert set(table["method"]) == {"laplace"} and set(table["level"]) == {0.95}


def test_more_confidence_takes_wider_intervals(fits, data) -> None:
    half, most = (parameter_intervals(fits[0], data[0], level=level) for level in (0.5, 0.99))
    assert (half["low"] > most["low"]).all() and (half["high"] < most["high"]).all()


def test_derived_numbers_follow(fits, data) -> None:
    def ratio(net) -> dict[str, float]:
        first, second = (p.value("tau").item() for p in net.populations)
        return {"ratio": np.log(second / first), "first": np.log(first)}

    table = parameter_intervals(fits[0], data[0], derived=ratio).set_index("parameter")
    tau, first = table.loc["tau"].iloc[0], table.loc["first"]
    # the logarithm of a time constant is its free number
    assert np.exp(first["low"]) == pytest.approx(tau["low"], rel=1e-4)
    assert np.exp(first["high"]) == pytest.approx(tau["high"], rel=1e-4)
    wide = table.loc["ratio", "high"] - table.loc["ratio", "low"]
    # two regions that share noise: the error of a ratio is no more than that of both together
    both = np.hypot(*(np.log(table.loc["tau", "high"] / table.loc["tau", "low"])))
    assert wide < 1.5 * both


def test_training_that_stopped_early_is_told(data) -> None:
    estimator = DRMRegressor(data_model(), n_epochs=1, alphas=1e-3).fit(data[0])
    with pytest.warns(TrainingWarning, match="before the optimum of V1 tau"):
        parameter_intervals(estimator, data[0])


def data_model(tau: float = 0.2) -> dict:
    """Return a model that starts from a time constant, by default far from any optimum."""
    return {
        "schema_version": 1,
        "name": "far",
        "resolution_s": 1.0,
        "stimuli": {"events": {"conditions": ["a", "b"]}},
        "populations": {
            name: {"kind": "leaky", "units": 1, "tau_s": tau, "nonlinearity": "linear"}
            for name in ("V1", "V2")
        },
        "projections": [{"from": "events", "to": name} for name in ("V1", "V2")],
        "readout": {"kind": "bold", "hrf": {"kind": "double_gamma", "trainable": False}},
    }


def test_validation_runs_are_left_out_and_no_refit_is_validated_on_training_runs(data) -> None:
    runs = [*data[0], *data[1]]
    estimator = DRMRegressor(data_model(3.0), n_epochs=1, learning_rate=1e-3, n_validation_runs=2)
    estimator.fit(runs)
    alone = DRMRegressor(data_model(3.0))
    vars(alone).update({k: v for k, v in vars(estimator).items() if k.endswith("_")})
    with pytest.warns(TrainingWarning, match="before the optimum"):
        found, wanted = parameter_intervals(estimator, runs), parameter_intervals(alone, data[0])
    np.testing.assert_allclose(found["low"], wanted["low"])
    with pytest.raises(UsageError, match="n_validation_runs=2"):
        parameter_intervals(estimator, runs, method="jackknife")


@pytest.mark.parametrize(("options", "message"), [
    ({"method": "guess"}, "laplace, bootstrap, jackknife"),
    ({"level": 1.0}, "level must lie"),
])  # fmt: skip
def test_wrong_options_are_refused(fits, data, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parameter_intervals(fits[0], data[0], **options)
