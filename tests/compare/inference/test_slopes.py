"""Slopes by finite differences are those of autograd."""

import copy

import pytest
import torch

from drmbids import DRMIterator
from drmbids.compare.inference.quantities import moved_by_training
from drmbids.compare.inference.slopes import (
    copies_at,
    differences,
    double_item,
    feature_slopes,
    free_numbers,
    in_double,
    side_by_side,
)


def test_features_move_as_their_gradient_says(make) -> None:
    net, runs = make(2, 60.0, learned_hrf=True)
    net = in_double(net)
    data = DRMIterator.from_runs(runs, 1.0, stimuli=net.stimuli)
    slopes = feature_slopes(net, data)
    (item,) = data
    wide = double_item(item)
    _, seen, _ = net.run(wide["stimulus"], net.initial_carry(2))
    features = net.readout.features(seen, wide["times"])
    torch.manual_seed(0)
    for region, x in enumerate(features):
        direction = torch.randn_like(x)
        gradient = torch.autograd.grad(
            (x * direction).sum(), moved_by_training(net), retain_graph=True, allow_unused=True
        )
        wanted = torch.cat(
            [
                (torch.zeros_like(p) if g is None else g).flatten()
                for p, g in zip(moved_by_training(net), gradient, strict=True)
            ]
        )
        parts = [(d * direction[:, run]).sum((1, 2)) for run, d in enumerate(slopes[region])]
        torch.testing.assert_close(parts[0] + parts[1], wanted, rtol=1e-6, atol=1e-7)


def test_windows_change_nothing(make) -> None:
    net, runs = make(1, 60.0)
    net = in_double(net)
    whole, cut = (
        side_by_side([net], DRMIterator.from_runs(runs, 1.0, stimuli=net.stimuli, window=window))
        for window in (None, 13)
    )
    for a, b in zip(whole[0], cut[0], strict=True):
        torch.testing.assert_close(a[0], b[0])


def test_a_function_of_the_net_has_its_slopes(make) -> None:
    net = in_double(make(1, 60.0)[0])
    before = copy.deepcopy(net.state_dict())
    found = differences(net, lambda other: free_numbers(other).square())
    torch.testing.assert_close(found, torch.diag(2 * free_numbers(net)), rtol=1e-6, atol=1e-8)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_copies_share_the_maps_and_nothing_else(make) -> None:
    net = make(1, 60.0)[0]
    (other,) = copies_at(net, [free_numbers(net) + 1.0])
    assert other.readout.weights[0] is net.readout.weights[0]
    with pytest.raises(AssertionError):
        torch.testing.assert_close(free_numbers(other), free_numbers(net))
