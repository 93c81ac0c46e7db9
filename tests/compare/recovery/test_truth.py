"""What is told of a net does not depend on scales that data cannot tell."""

import json
from pathlib import Path

import pytest
import torch

from drmbids import BOLD, DoubleGamma, DRMConnection, DRMNet, Leaky
from drmbids.compare.recovery.truth import (
    describe,
    find_truth,
    read_truth,
    read_truth_hrf,
    truth_path,
    write_truth,
)
from drmbids.data.tools.exceptions import DataError


def make_net(units: int = 1, scale: float = 1.0) -> DRMNet:
    """Return a loop of two areas; the scale of V2's activity is arbitrary."""
    readout = BOLD([1, units], [2, 2], regions=["V1", "V2"], hrf=DoubleGamma("spm"))
    net = DRMNet(
        {"V1": Leaky(1, 2 + units, tau=1.0), "V2": Leaky(units, 1, tau=3.0)},
        [DRMConnection(), None],
        [[None, DRMConnection(2.0)], [DRMConnection(0.5), None]],
        readout,
        resolution=0.5,
        stimuli={"events": ["a", "b"]},
    )
    with torch.no_grad():
        net.populations[0].weight.copy_(torch.tensor([[2.0, -1.0, *[-1.0 / scale] * units]]))
        net.populations[1].weight.fill_(1.5 * scale)
    return net


def values(net: DRMNet) -> dict[tuple[str, str], float]:
    """Return the description by quantity and name."""
    return describe(net).set_index(["quantity", "name"])["value"].to_dict()


def test_quantities_of_a_known_net() -> None:
    assert values(make_net()) == pytest.approx(
        {
            ("time constant", "V1"): 1.0,
            ("time constant", "V2"): 3.0,
            ("HRF peak", "V1"): 5.0,
            ("HRF peak", "V2"): 5.0,
            ("connection sign", "events -> V1"): 1.0,
            ("relative weight", "events:a -> V1"): 1.0,
            ("relative weight", "events:b -> V1"): -0.5,
            ("connection sign", "V2 -> V1"): -1.0,
            ("connection sign", "V1 -> V2"): 1.0,
            ("loop gain", "V1 <-> V2"): -1.5,
        }
    )


def test_arbitrary_scale_of_activity_changes_nothing() -> None:
    assert values(make_net(scale=7.0)) == pytest.approx(values(make_net()))


def test_weights_of_several_units_are_not_told() -> None:
    found = values(make_net(units=2))
    assert ("time constant", "V2 2") in found
    assert not any(q == "connection sign" and "V2" in name for q, name in found)


def test_truth_file_holds_the_description(tmp_path: Path) -> None:
    net, path = make_net(), truth_path(tmp_path, "01")
    assert find_truth(tmp_path, "01") is None
    write_truth(path, net)
    assert find_truth(tmp_path, "01") == path
    table = read_truth(path)
    assert list(table.columns) == ["quantity", "name", "unit", "value"]
    assert table["value"].tolist() == pytest.approx(describe(net)["value"].tolist())
    hrf = read_truth_hrf(path)
    peak = hrf.loc[hrf.groupby("region")["hrf"].idxmax()]
    assert peak["time_s"].tolist() == [5.0, 5.0]


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    with pytest.raises(DataError, match="not a truth file"):
        read_truth(path)
    path.write_text("[]")
    with pytest.raises(DataError, match="not a truth file"):
        read_truth_hrf(path)
    path.write_text(json.dumps({"format_version": 9, "quantities": []}))
    with pytest.raises(DataError, match="format version 9"):
        read_truth(path)
