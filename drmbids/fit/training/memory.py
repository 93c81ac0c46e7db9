"""Running out of memory: a shorter window once, then an error that says how much was needed."""

import gc
import warnings
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import features_at
from drmbids.data.iterators.item import Item, split_item
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.tools.exceptions import TrainingError, TrainingWarning
from drmbids.data.tools.memory import readable

Outcome = TypeVar("Outcome")

#: Ticks and measurements of the short windows that :func:`estimate_bytes` tries.
TRIED_TICKS, TRIED_ROWS = (64, 128), (2, 4)

# What torch says where it has no class of its own for it; torch.OutOfMemoryError is for its own
# allocator on a GPU.
MESSAGES = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there is no memory left, on the CPU or a GPU.

    Examples
    --------
    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in MESSAGES)


class Window:
    """Ticks that gradients flow back, halved once where memory runs out.

    Parameters
    ----------
    cutoff : int or None
        Ticks; the windows of the data when None.
    longest : int
        Ticks of the longest window of the data.
    net : DRMNet
    data : DRMIterator
        What is trained on, to say how much memory it needs.

    Attributes
    ----------
    cutoff : int or None
        As it is now.
    halved : bool
        Whether it was halved.
    """

    def __init__(self, cutoff: int | None, longest: int, net: DRMNet, data: DRMIterator):
        self.cutoff, self.longest, self.net, self.data = cutoff, longest, net, data
        self.halved = False

    def run(self, epoch: Callable[[int | None], Outcome]) -> Outcome:
        """Return the outcome of an epoch, a function of the cut-off.

        Raises
        ------
        TrainingError
            If there is no memory for half the window either.
        """
        ticks = min(self.longest, self.cutoff or self.longest)
        try:
            return epoch(self.cutoff)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if self.halved or ticks < 2:
                raise TrainingError(f"out of memory: {self._needed(ticks)}") from error
        # only here, where the error and all tensors that its traceback holds are gone
        self.cutoff, self.halved = ticks // 2, True
        free_memory()
        warnings.warn(
            f"out of memory with gradients that flow back {ticks} ticks; going on with "
            f"{self.cutoff}. Set a shorter window to start with",
            TrainingWarning,
            stacklevel=2,
        )
        return self.run(epoch)

    def _needed(self, ticks: int) -> str:
        item = next(iter(self.data))
        n_runs = len(item["runs"])
        advice = "use a shorter window, fewer runs or units, or a device with more memory"
        try:
            size = estimate_bytes(self.net, item, ticks)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return f"not even {min(ticks, TRIED_TICKS[1])} ticks of {n_runs} runs fit; {advice}"
        return (
            f"a window of {ticks} ticks of {n_runs} runs keeps about {readable(size)} "
            f"for its gradient, and takes up to as much again to compute it; {advice}"
        )


def estimate_bytes(net: DRMNet, item: Item, n_ticks: int | None = None) -> int:
    """Return about how many bytes a window keeps for its gradient.

    Counts activity, features and what autograd saves in short windows. It grows with the ticks,
    and, in the readout, with ticks times measurements, so that four windows tell all of it. The
    parameters, the data and what the backward pass needs for itself, up to about as much again,
    come on top.

    Parameters
    ----------
    net : DRMNet
    item : dict
        From a :class:`~drmbids.DRMIterator`.
    n_ticks : int, optional
        Length of the window; that of the item when absent.
    """
    total = item["stimulus"][0].shape[0]
    wanted = min(total, n_ticks or total)
    few, many = (min(n, wanted) for n in TRIED_TICKS)
    if few == many:  # short enough to be tried as it is
        return _kept_bytes(net, next(split_item(item, wanted, net.resolution)))
    if "readouts" in item:  # what grows with ticks times measurements is left out
        less, more = (
            _kept_bytes(net, next(split_item(item, n, net.resolution))) for n in (few, many)
        )
        return round(less + (more - less) * (wanted - few) / (many - few))
    n_rows = len(item["times"]) * wanted / total
    # bilinear: a + b ticks + rows (c + d ticks)
    at = {}
    for ticks in (few, many):
        less, more = (_kept_bytes(net, _short_window(net, item, ticks, n)) for n in TRIED_ROWS)
        slope = (more - less) / (TRIED_ROWS[1] - TRIED_ROWS[0])
        at[ticks] = less + slope * (n_rows - TRIED_ROWS[0])
    return round(at[few] + (at[many] - at[few]) * (wanted - few) / (many - few))


def _short_window(net: DRMNet, item: Item, n_ticks: int, n_rows: int) -> Item:
    """Return the first ticks of a window with so many measurements, at the phases of its own."""
    phase = item["times"][:n_rows] / net.resolution % 1.0
    phase = torch.nn.functional.pad(phase, (0, n_rows - len(phase)))
    times = (torch.arange(n_rows).to(phase) + phase) * net.resolution
    return {"stimulus": [s[:n_ticks] for s in item["stimulus"]], "times": times}


def _kept_bytes(net: DRMNet, item: Item) -> int:
    """Return the bytes of all memory that a window keeps and that was not there before."""
    known = {_place(t) for t in (*net.parameters(), *net.buffers(), *item["stimulus"])}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if _place(tensor) not in known:
            kept[_place(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    carry = net.initial_carry(item["stimulus"][0].shape[1])
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        activity, seen, _ = net.run(item["stimulus"], carry)
        features = features_at(net.readout, seen, item)
    for tensor in (*activity, *seen, *features):
        keep(tensor)
    return sum(kept.values())


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def free_memory() -> None:
    """Hand back memory that nothing uses any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
