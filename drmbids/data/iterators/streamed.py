"""Stimuli that stay on disk: read window by window, for a GPU one window ahead."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from drmbids.data.runs.align import StimulusTicks

Thing = TypeVar("Thing")


class StreamedStimulus:
    """One stimulus of runs side by side; only the ticks that are sliced are read.

    Parameters
    ----------
    runs : sequence of StimulusTicks or array of shape (n_ticks, n_columns)
        One for each run, of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> stimulus = StreamedStimulus([np.zeros((1000, 3)), np.ones((1000, 3))])
    >>> stimulus.shape, stimulus[20:30].shape
    ((1000, 2, 3), torch.Size([10, 2, 3]))
    """

    def __init__(self, runs: Sequence[StimulusTicks | np.ndarray]):
        self.runs = list(runs)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Ticks, runs and columns."""
        n_ticks, n_columns = self.runs[0].shape
        return n_ticks, len(self.runs), n_columns

    def __getitem__(self, ticks: slice) -> Tensor:
        """Return some ticks of all runs, shape (n_ticks, batch, n_columns)."""
        n_ticks = len(range(self.shape[0])[ticks])
        out = torch.empty(n_ticks, *self.shape[1:])
        for k, run in enumerate(self.runs):  # one after the other: one run in float64 at a time
            out[:, k] = torch.from_numpy(run[ticks])
        return out


def some_runs(stimulus: Tensor | StreamedStimulus, where: slice) -> Tensor | StreamedStimulus:
    """Return a stimulus of some of the runs side by side, without copying it."""
    if isinstance(stimulus, StreamedStimulus):
        return StreamedStimulus(stimulus.runs[where])
    return stimulus[:, where]


def one_ahead(things: Iterator[Thing]) -> Iterator[Thing]:
    """Yield things, the next one being made in a thread of its own while one is used.

    An error in the making is raised where the thing would have come.

    Examples
    --------
    >>> list(one_ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    end = object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, things, end)
        while (thing := coming.result()) is not end:
            coming = thread.submit(next, things, end)
            yield thing


def to_device(tensors: Sequence[Tensor], stream: torch.cuda.Stream) -> list[Tensor]:
    """Return tensors on the GPU of a stream; those that are not there go through pinned memory.

    The copy is queued on the stream and does not wait: what is computed there later finds the
    tensors complete.
    """
    with torch.cuda.stream(stream):
        return [
            x if x.is_cuda else x.pin_memory().to(stream.device, non_blocking=True) for x in tensors
        ]
