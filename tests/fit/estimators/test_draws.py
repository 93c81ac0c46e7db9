"""Further starts differ in their physical parameters, as far as priors and limits allow."""

import numpy as np
import pytest
import torch

from drmbids import BOLD, DRMConnection, DRMNet, Leaky, LearnedDelay, Tracts
from drmbids.brain.net.stability import loop_problems
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.fit.estimators.draws import draw_physical


def net() -> DRMNet:
    torch.manual_seed(0)
    areas = [Leaky(20, 1, tau=2.0), Leaky(1, 20)]
    wires = [[None, None], [LearnedDelay(1.0, 0.5, 3.0), None]]
    return DRMNet(areas, [DRMConnection(), None], wires, BOLD([20, 1], [3, 3], hrf=DoubleGamma()))


def test_what_is_trained_is_drawn_and_nothing_else() -> None:
    before, after, again = net(), net(), net()
    after.readout.hrf.free_dispersion.requires_grad_(False)
    draw_physical(after, 7)
    rows = zip(before.parameter_rows(), after.parameter_rows(), strict=True)
    changed = {(old["parameter"]): old["value"] != new["value"] for old, new in rows}
    assert not changed.pop("hrf.dispersion") and all(changed.values())
    weights = dict(before.named_parameters())
    assert all(torch.equal(p, weights[n]) for n, p in after.named_parameters() if "free_" not in n)
    again.readout.hrf.free_dispersion.requires_grad_(False)
    draw_physical(again, 7)
    assert str(again.parameter_rows()) == str(after.parameter_rows())


def test_draws_follow_priors_and_limits() -> None:
    values: dict[str, list[float]] = {}
    drawn, start = net(), {k: v.clone() for k, v in net().state_dict().items()}
    for seed in range(60):
        drawn.load_state_dict(start)
        draw_physical(drawn, seed)
        for row in drawn.parameter_rows():
            values.setdefault(f"{row['node']} {row['parameter']}", []).append(row["value"])
    of = {name.rpartition(" ")[2]: np.array(found) for name, found in values.items()}
    assert of["delay"].min() > 0.5 and of["delay"].max() < 3.0
    assert of["delay"].std() == pytest.approx(0.65, abs=0.15)
    spec = drawn.readout.hrf.parameter_specs["delay"]
    assert spec.prior_sd is not None
    assert of["hrf.delay"].mean() == pytest.approx(spec.prior_mean, abs=0.6)
    assert of["hrf.delay"].std() == pytest.approx(spec.prior_sd, rel=0.3)
    taus = np.log(np.array(next(iter(values.values()))) / 2.0)
    assert taus.mean() == pytest.approx(0.0, abs=0.1) and taus.std() == pytest.approx(1.0, abs=0.1)


def test_loops_that_would_grow_are_drawn_nearer_to_the_start() -> None:
    def looped() -> DRMNet:
        torch.manual_seed(0)
        loop = Tracts([[0.95]], [[10.0]], 1.0, trainable=("strength",))
        area = Leaky(1, 1 + 1, tau=0.5, nonlinearity="linear")
        with torch.no_grad():
            area.weight.fill_(1.0)
        return DRMNet([area], [DRMConnection()], [[loop]], BOLD([1], [3]), resolution=0.01)

    strengths = []
    for seed in range(8):
        net = looped()
        draw_physical(net, seed)
        assert not loop_problems(net)
        strengths.append(net.connections[1].value("strength").item())
    assert np.std(strengths) > 0.01
