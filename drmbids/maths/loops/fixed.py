"""Numbers that never change: kept on whichever device asks, worked out once for each data set."""

from collections.abc import Callable, Hashable
from typing import TypeVar

import torch
from torch import Tensor

Kept = TypeVar("Kept")

#: Windows of one data set that results are kept for; more come from a changing one.
MOST_KEPT = 64


def remembered(kept: dict[Hashable, Kept], key: Hashable, make: Callable[[], Kept]) -> Kept:
    """Return what was made for a key, or make it.

    Parameters
    ----------
    kept : dict
        Emptied where it holds :data:`MOST_KEPT` results.
    key : hashable
    make : callable
        Called without inference mode: what is kept must serve training too, whoever asks first.

    Examples
    --------
    >>> kept = {}
    >>> remembered(kept, "a", lambda: 1), remembered(kept, "a", lambda: 2)
    (1, 1)
    """
    if key not in kept:
        if len(kept) >= MOST_KEPT:
            kept.clear()
        with torch.inference_mode(False):
            kept[key] = make()
    return kept[key]


class Fixed:
    """Numbers that never change, on whichever device asks for them.

    What is computed in a window must not wait for the host, least of all where it is captured as a
    CUDA graph (:mod:`drmbids.fit.training.captured`): a tensor goes to a device once.

    Parameters
    ----------
    values : Tensor
        Indices or constants, on the CPU.

    Examples
    --------
    >>> import torch
    >>> Fixed(torch.tensor([2, 0])).on(torch.device("cpu"))
    tensor([2, 0])
    """

    def __init__(self, values: Tensor):
        self.values = values
        self._placed: dict[Hashable, Tensor] = {}

    def __getstate__(self) -> dict[str, object]:
        return {"values": self.values, "_placed": {}}

    def on(self, device: torch.device) -> Tensor:
        """Return the numbers on a device.

        Parameters
        ----------
        device : torch.device
        """
        if device == self.values.device:
            return self.values
        return remembered(self._placed, device, lambda: self.values.to(device))
