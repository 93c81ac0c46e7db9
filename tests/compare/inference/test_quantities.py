"""Quantities: which, in what order, on which scale."""

import numpy as np
import pytest
import torch

from drmbids import BOLD, Additive, DoubleGamma, DRMConnection, DRMNet
from drmbids.compare.inference.quantities import Quantities, moved_by_training
from drmbids.compare.inference.slopes import in_double
from drmbids.data.tools.exceptions import UsageError


def test_trained_parameters_come_with_the_peak_and_derived_numbers(make) -> None:
    net = make(1, 60.0, learned_hrf=True)[0]
    quantities = Quantities(net, lambda n: {"gain": n.populations[1].weight.detach()[0].tolist()})
    table = quantities.table(net)
    assert table["parameter"].tolist() == [
        "tau", "hrf.delay", "hrf.undershoot", "hrf.dispersion", "hrf.u_dispersion", "hrf.ratio",
        "delay", "hrf.peak", "gain",
    ]  # fmt: skip
    assert list(table) == list(net.parameter_rows()[0])
    assert table["value"].iloc[-2] == pytest.approx(5.0, abs=0.01)  # SPM's response
    assert table["value"].iloc[-1] == 1.0


def test_fixed_parameters_have_no_interval(make) -> None:
    net = make(1, 60.0)[0]
    assert Quantities(net).table(net)["parameter"].tolist() == ["tau", "delay"]


def test_scale_without_limits_is_that_of_training(make) -> None:
    net = in_double(make(1, 60.0, learned_hrf=True)[0])
    quantities = Quantities(net)
    free = quantities.free(net)
    assert free[0] == pytest.approx(net.populations[1].free_tau.item())
    assert free[6] == pytest.approx(net.afferents[1][0].connection.free_delay.item())
    np.testing.assert_allclose(quantities.within_limits(free), quantities.table(net)["value"])
    ends = quantities.within_limits(np.full(len(free), 1e3))
    assert ends[0] == np.inf and ends[6] == 5.0


def test_peak_of_each_response() -> None:
    readout = BOLD([1, 1], [2, 2], hrf=DoubleGamma(n_regions=2))
    readout.hrf.set_value("delay", torch.tensor([6.0, 8.0]))
    areas, ws = [Additive(1, 1), Additive(1, 1)], [DRMConnection(), DRMConnection()]
    net = DRMNet(areas, ws, [[None, None], [None, None]], readout, resolution=0.5)
    table = Quantities(net).table(net)
    peaks = table.loc[table["parameter"] == "hrf.peak", "value"].to_numpy()
    assert peaks == pytest.approx([5.0, 7.0], abs=0.05)


def test_a_model_of_maps_alone_is_refused() -> None:
    readout = BOLD([1], [2], hrf=DoubleGamma(trainable=False))
    net = DRMNet([Additive(1, 1)], [DRMConnection()], [[None]], readout, resolution=0.5)
    net.populations.requires_grad_(False)
    with pytest.raises(UsageError, match="beside its maps"):
        moved_by_training(net)
