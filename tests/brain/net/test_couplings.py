"""Couplings on the scale of BOLD: what they are told to do is what the net does."""

import numpy as np
import pandas as pd
import pytest
import torch

from drmbids import BOLD, DRMConnection, DRMNet, Events, Gate, Leaky, Run
from drmbids.brain.connections.weights import Dense
from drmbids.brain.net.couplings import coupling_rows
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.brain.simulation.simulate import predict
from drmbids.data.tools.exceptions import UsageError

CONDITIONS = ["face", "house", "attention"]


def two_areas(**changes) -> DRMNet:
    """Return an area of three targets that drives another of two, gated, and hears it."""
    torch.manual_seed(0)
    gate = Gate("events", ["attention"], gain=0.7)
    net = DRMNet(
        **{
            "populations": {
                "V1": Leaky(1, 3, tau=0.8, nonlinearity="linear"),
                "FFA": Leaky(1, 1, tau=2.0, nonlinearity="linear"),
            },
            "ws": [DRMConnection(columns=[0, 1]), None],
            "Wp": [[None, DRMConnection(0.5)], [DRMConnection(0.5, gates=[gate]), None]],
            "readout": BOLD([1, 1], [3, 2], regions=["V1", "FFA"], hrf=DoubleGamma(n_regions=2)),
            "resolution": 0.5,
            "stimuli": {"events": CONDITIONS},
            **changes,
        }
    )
    with torch.no_grad():
        for weights, value in zip((p.weight for p in net.populations), (0.5, 0.6), strict=True):
            weights.copy_(torch.linspace(value, -0.3, weights.numel())[None])
        for maps in net.readout.weights:
            maps.copy_(torch.rand(maps.shape) + 0.5)
    return net


def plateau(net: DRMNet, on: list[str]) -> np.ndarray:
    """Return the mean BOLD of both regions after minutes of some conditions, above silence."""
    times = np.array([0.0, 220.0])
    shown = Events([1.0] * len(on), [239.0] * len(on), on, columns=CONDITIONS)
    run = Run({}, {"events": shown}, times=times, duration=240.0, tr=2.0)
    silent, lasting = np.asarray(predict(net, [run])[0])
    change = lasting - silent
    return np.array([change[:3].mean(), change[3:].mean()])


@pytest.mark.parametrize("on", [["face"], ["house"], ["face", "attention"]])
def test_couplings_give_the_responses_of_the_net(on: list[str]) -> None:
    """A plateau solves ``y = C u + (A + B u) y``: the algebra of a DCM, in numbers of the table."""
    net = two_areas()
    rows = pd.DataFrame(coupling_rows(net))
    value = rows.set_index(["kind", "source", "condition", "target"])["value"]
    among = np.zeros((2, 2))
    among[0, 1] = value["coupling", "FFA", "n/a", "V1"]
    among[1, 0] = value["coupling", "V1", "n/a", "FFA"]
    if "attention" in on:
        among[1, 0] += value["modulation", "V1", "n/a", "FFA"]
    driven = [value["input", "events", on[0], "V1"], 0.0]
    wanted = np.linalg.solve(np.eye(2) - among, driven)
    np.testing.assert_allclose(plateau(net, on), wanted, rtol=2e-3)
    assert rows.loc[rows["kind"] == "modulation", "modulator"].tolist() == ["attention"]


def test_the_scale_of_an_area_does_not_matter() -> None:
    net = two_areas()
    before = [row["value"] for row in coupling_rows(net)]
    with torch.no_grad():  # FFA ten times as active, and a tenth of it in what is measured
        net.populations[1].weight.mul_(10)
        net.populations[0].weight[:, -1].div_(10)
        net.readout.weights[1].div_(10)
    np.testing.assert_allclose([row["value"] for row in coupling_rows(net)], before, rtol=1e-5)


def test_other_nets_are_refused() -> None:
    def refused(**changes) -> str:
        with pytest.raises(UsageError, match="areas of one linear unit") as error:
            coupling_rows(two_areas(**changes))
        return str(error.value)

    curved = {"V1": Leaky(1, 3), "FFA": Leaky(1, 1, nonlinearity="linear")}
    assert "V1 is Leaky, relu" in refused(populations=curved)
    weighed = DRMConnection(weights=Dense(3, 2))
    assert "events -> V1 is more than a delay and its gates" in refused(ws=[weighed, None])
    one_for_both = BOLD([1, 1], [3, 2], sources=[[0, 1], [1]], regions=["V1", "FFA"])
    assert "does not feed a region of its own" in refused(readout=one_for_both)
