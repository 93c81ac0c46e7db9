"""Readouts: several of them read the same activity as each would alone."""

from typing import Any

import pytest
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import Readouts, by_name, one_of, only_readout
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.choice import Choice
from drmbids.data.tools.exceptions import ModelError, UsageError


def made() -> dict[str, Any]:
    return {
        "bold": BOLD([3], [4], regions=["V1"]),
        "choice": Choice([3], [2], regions=["choice"], length=0.7),
    }


def net_of(readout: Any) -> DRMNet:
    torch.manual_seed(0)
    return DRMNet({"V1": Leaky(3, 2)}, [DRMConnection()], [[None]], readout, 0.5, {"s": 2})


def test_each_predicts_what_it_would_alone() -> None:
    parts = made()
    for part in parts.values():
        for p in part.linear_parameters():
            p.data.normal_()
    times = {"bold": torch.arange(0.0, 40.0, 2.0), "choice": torch.tensor([3.3, 17.1])}
    stimulus = [torch.rand(80, 1, 2)]
    item = {
        "stimulus": stimulus, "first": True, "readouts": {n: {"times": t} for n, t in times.items()}
    }  # fmt: skip
    predicted = net_of(parts)(item)
    assert list(predicted) == ["bold", "choice"]
    for name, part in parts.items():
        alone = net_of(part)({"stimulus": stimulus, "first": True, "times": times[name]})
        torch.testing.assert_close(predicted[name], alone)


def test_tables_name_the_readout() -> None:
    rows = net_of(made()).parameter_rows()
    assert "bold.hrf.delay" in {row["parameter"] for row in rows if row["node"] == "readout"}
    assert list(by_name(net_of(list(made().values())).readout)) == ["M0", "M1"]


@pytest.mark.parametrize(
    ("change", "weights", "words"),
    [
        ({"again": BOLD([3], [4], regions=["V1"])}, None, "regions \\['V1'\\] belong to more than"),
        ({"other": BOLD([2], [4], regions=["MT"])}, None, "made for different populations"),
        ({}, {"meg": 1.0}, "weights of \\['meg'\\]"),
        ({}, {"bold": -1.0}, "0 or more"),
        ({}, {"bold": 0.0, "choice": 0.0}, "not all 0"),
        ({"a.b": BOLD([3], [4], regions=["MT"])}, None, "without dots"),
    ],
)
def test_faults(change: dict, weights: dict | None, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        Readouts({**made(), **change}, weights)


def test_what_takes_one_readout_refuses_several() -> None:
    parts = Readouts(made())
    with pytest.raises(UsageError, match="a table: made for one readout"):
        only_readout(parts, "a table")
    assert only_readout(parts["bold"], "a table") is parts["bold"]
    assert one_of(parts, "choice") is parts["choice"]
    with pytest.raises(UsageError, match="no readout 'meg'"):
        one_of(parts, "meg")
