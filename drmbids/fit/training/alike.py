"""Whether nets compute alike, so that they can be run side by side."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from drmbids.brain.net.net import DRMNet

# What a module keeps for itself; parameters and buffers are compared by shape, parts in turn.
_MODULE_KEYS = frozenset(vars(nn.Module()))

# What differs between subjects and seeds without changing what is computed up to the maps: names
# and numbers of targets. The graph of a net, as objects that hold its connections, is compared on
# its own.
_NAMES = {
    "net": {"population_names", "stimuli", "afferents", "stages", "groups"},
    "readout": {"n_targets", "regions", "nuisance"},
}


def same_structure(one: DRMNet, other: DRMNet) -> bool:
    """Return whether two nets differ in nothing but values of parameters, and in their targets.

    Anything that cannot be told to be equal counts as different, which costs time only.

    Parameters
    ----------
    one, other : DRMNet

    Examples
    --------
    >>> from drmbids import BOLD, DRMConnection, Leaky
    >>> def net(n_targets, delay):
    ...     readout = BOLD([2], [n_targets])
    ...     return DRMNet([Leaky(2, 3)], [DRMConnection(delay)], [[None]], readout)
    >>> same_structure(net(5, 0.1), net(9, 0.1)), same_structure(net(5, 0.1), net(5, 0.2))
    (True, False)
    """
    if one is other:
        return True
    parts, others = dict(one.named_modules()), dict(other.named_modules())
    return (
        _graph(one) == _graph(other)
        and list(parts) == list(others)
        and all(_same_part(name, part, others[name]) for name, part in parts.items())
    )


def _graph(net: DRMNet) -> Any:
    arrows = [[(a.source, a.is_stimulus) for a in line] for line in net.afferents]
    return arrows, [len(columns) for columns in net.stimuli.values()], net.stages, list(net.groups)


def _same_part(name: str, one: nn.Module, other: nn.Module) -> bool:
    if type(one) is not type(other):
        return False
    is_maps = name == "readout" or name.startswith("readout.weights")
    return (is_maps or _shapes(one) == _shapes(other)) and _same(
        _attributes(name, one), _attributes(name, other)
    )


def _shapes(part: nn.Module) -> list[Any]:
    tensors = [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]
    return [(name, x.shape, x.dtype, x.device, x.requires_grad) for name, x in tensors]


def _attributes(name: str, part: nn.Module) -> Mapping[str, Any]:
    # __getstate__ leaves out what a part keeps only to be faster
    kept = part.__getstate__()
    passing = _MODULE_KEYS | _NAMES.get(name or "net", set()) | getattr(part, "start_only", set())
    return {key: value for key, value in kept.items() if key not in passing}


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
