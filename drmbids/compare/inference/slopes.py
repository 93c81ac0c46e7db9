"""How the features of a net move with all that training moves, by finite differences."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from drmbids.brain.net.net import DRMNet
from drmbids.compare.inference.quantities import moved_by_training
from drmbids.data.iterators.item import Item
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.fit.maps.passes import RunData
from drmbids.fit.training.runners import MOST_RUNS, SideBySide

# In float64: far above the rounding of a run (1e-16 / STEP), with an error of STEP squared.
STEP = 1e-5


def in_double(net: DRMNet) -> DRMNet:
    """Return a copy of a net in float64 that shares its maps with no one."""
    return copy.deepcopy(net).double()


def copies_at(net: DRMNet, numbers: Sequence[Tensor]) -> list[DRMNet]:
    """Return copies of a net with other numbers in all that training moves; maps are shared."""
    maps = {id(p): p for p in net.readout.linear_parameters()}
    copies = []
    for vector in numbers:
        other = copy.deepcopy(net, dict(maps))
        with torch.no_grad():
            vector_to_parameters(vector, moved_by_training(other))
        copies.append(other)
    return copies


def free_numbers(net: DRMNet) -> Tensor:
    """Return all that training moves but the maps in one vector, shape (n_numbers,)."""
    return parameters_to_vector(moved_by_training(net)).detach()


def differences(net: DRMNet, function: Callable[[DRMNet], Tensor]) -> Tensor:
    """Return the slopes of a function of a net, shape (n_numbers, ...), by central differences.

    Parameters
    ----------
    net : DRMNet
        In float64.
    function : callable
        From a net to a tensor.
    """
    here = free_numbers(net)
    (other,) = copies_at(net, [here])
    slopes = []
    for k in range(len(here)):
        step = torch.zeros_like(here)
        step[k] = STEP
        ends = []
        for numbers in (here + step, here - step):
            with torch.no_grad():
                vector_to_parameters(numbers, moved_by_training(other))
            ends.append(function(other))
        slopes.append((ends[0] - ends[1]) / (2 * STEP))
    return torch.stack(slopes)


def feature_slopes(net: DRMNet, data: DRMIterator) -> list[list[Tensor]]:
    """Return how the features of each region and run move with all that training moves.

    Nets at either side of each number are run side by side, as many as it pays.

    Parameters
    ----------
    net : DRMNet
        In float64.
    data : DRMIterator

    Returns
    -------
    list of list of Tensor of shape (n_numbers, n_measured, n_features)
        ``[region][run]``.
    """
    here = free_numbers(net)
    pairs = max(1, MOST_RUNS // (2 * data.n_runs))
    found: list[list[list[Tensor]]] = []
    for numbers in torch.arange(len(here)).split(pairs):
        step = STEP * torch.eye(len(here), dtype=here.dtype, device=here.device)[numbers]
        features = side_by_side(copies_at(net, [*(here + step), *(here - step)]), data)
        half = len(numbers)
        for up, down in zip(features[:half], features[half:], strict=True):
            runs = [zip(a, b, strict=True) for a, b in zip(up, down, strict=True)]
            found.append([[(a - b) / (2 * STEP) for a, b in run] for run in runs])
    by_region = list(zip(*found, strict=True))
    return [[torch.stack(run) for run in zip(*region, strict=True)] for region in by_region]


@torch.no_grad()
def side_by_side(nets: Sequence[DRMNet], data: DRMIterator) -> list[list[list[Tensor]]]:
    """Return the features of nets of one structure, ``[net][region][run]``, in float64.

    Parameters
    ----------
    nets : sequence of DRMNet
        In float64.
    data : DRMIterator
    """
    runner = SideBySide(nets)
    runner.begin()
    gathered = [RunData(data.n_runs) for _ in nets]
    carry, n_regions = None, len(nets[0].readout.regions)
    for item in data:
        wide = double_item(item)
        if carry is None or item["first"]:
            carry = runner.initial_carry(wide["stimulus"][0].shape[1], wide.get("runs"))
        features, carry = runner.window([wide] * len(nets), carry)
        for runs, own in zip(gathered, features, strict=True):
            runs.add_features(wide, own)
    runner.end()
    return [runs.features(n_regions) for runs in gathered]


def double_item(item: Item) -> Item:
    """Return an item with its stimulus in float64; times are already."""
    return {**item, "stimulus": [shown.double() for shown in item["stimulus"]]}
