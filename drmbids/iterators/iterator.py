"""DRMIterator: data as a stream of windows at the resolution of a net."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drmbids.core.align import AlignedRun, align
from drmbids.core.exceptions import UsageError
from drmbids.core.nuisance import Nuisance
from drmbids.core.run import Run
from drmbids.core.stream import Stream
from drmbids.core.time import TICK_TOLERANCE, TimeGrid
from drmbids.iterators.device import check_device
from drmbids.iterators.item import Item, split_item


@dataclass(frozen=True, eq=False)
class _Group:
    """Runs with the same ticks and measured times, side by side."""

    runs: tuple[int, ...]
    stimuli: list[Tensor]  # each (n_ticks, batch, n_columns)
    times: np.ndarray  # (n_measured,)
    response: Tensor  # (n_measured, batch, n_targets)
    confounds: Tensor  # (n_measured, batch, n_confounds)
    nuisance: list[Tensor]  # each (n_measured, rank)


class DRMIterator:
    """Batches of windows, in the order of time within every run.

    Each item is a dictionary:

    - ``stimulus``: list of tensors (n_ticks, batch, n_columns), zero where absent;
    - ``times``: measured times in seconds from the start of the window, (n_measured,);
    - ``response``: (n_measured, batch, n_targets), NaN where missing;
    - ``confounds``: (n_measured, batch, n_confounds);
    - ``nuisance``: for each run of the batch the rows of its nuisance basis, (n_measured, rank);
    - ``group``, ``runs``: number of the batch, and of the runs in it;
    - ``first``, ``last``: whether the window starts, or ends, its runs.

    Runs with the same length and measured times share a batch; others come one after the other.

    Parameters
    ----------
    resolution : float
        Seconds per tick.
    stimulus : array of shape (n_samples, n_columns)
        One stimulus.
    stim_time : array of shape (n_samples,)
        Seconds at which samples begin; each holds until the next.
    response : array of shape (n_measured, n_targets), optional
        NaN where missing; all missing when absent.
    resp_time : array of shape (n_measured,), optional
        Seconds; needed where there is a response.
    batch_size : int, optional
        Cut the series into so many pieces of equal length that are run side by side, each from
        silence: an approximation that trades the memory over the cuts for speed.
    n_batches : int, optional
        Stop after so many items.
    confounds : array of shape (n_measured, n_confounds), optional
        At the times of the response.
    window : int, optional
        Ticks in an item; a whole run when absent, 1 for a step-by-step stream.
    device : str
        ``"cpu"``, ``"cuda"``, ``"cuda:1"`` ...

    Raises
    ------
    UsageError
        If shapes or options do not fit.
    DeviceError
        If the device is not there.

    Examples
    --------
    >>> import numpy as np
    >>> time = np.arange(0, 20, 0.1)
    >>> data = DRMIterator(0.1, np.ones((200, 1)), time, np.zeros((10, 3)), 2.0 * np.arange(10))
    >>> item = next(data)
    >>> item["stimulus"][0].shape, item["response"].shape
    (torch.Size([200, 1, 1]), torch.Size([10, 1, 3]))
    """

    def __init__(
        self,
        resolution: float,
        stimulus: np.ndarray,
        stim_time: np.ndarray,
        response: np.ndarray | None = None,
        resp_time: np.ndarray | None = None,
        batch_size: int | None = None,
        n_batches: int | None = None,
        confounds: np.ndarray | None = None,
        window: int | None = None,
        device: str = "cpu",
    ):
        if response is not None and resp_time is None:
            raise UsageError("a response needs its times: resp_time")
        pieces = _cut(
            _as_columns(stimulus), np.asarray(stim_time, float), response, resp_time, confounds,
            batch_size or 1, resolution,
        )  # fmt: skip
        columns = {"stimulus": pieces[0].stimuli["stimulus"].columns}
        constant = Nuisance("none", confounds=False)
        aligned = [align(run, resolution, columns, list(run.responses), constant) for run in pieces]
        self._setup(aligned, resolution, window, device, n_batches)

    @classmethod
    def from_runs(
        cls,
        runs: Sequence[Run],
        resolution: float,
        stimuli: Mapping[str, Sequence[str]] | None = None,
        responses: Sequence[str] | None = None,
        nuisance: Nuisance | None = None,
        window: int | None = None,
        device: str = "cpu",
    ) -> "DRMIterator":
        """Return an iterator over runs.

        Parameters
        ----------
        runs : sequence of Run
        resolution : float
            Seconds per tick.
        stimuli : mapping of str to sequence of str, optional
            Stimuli and their columns; those of the first run when absent.
        responses : sequence of str, optional
            Responses in the order of the targets; those of the first run when absent.
        nuisance : Nuisance, optional
            What is fitted in each run on its own; the default of :class:`Nuisance` when absent.
        window : int, optional
            Ticks in an item; a whole run when absent.
        device : str
            Where the tensors live.
        """
        if not len(runs):
            raise UsageError("no runs")
        if stimuli is None:
            stimuli = {name: s.columns for name, s in runs[0].stimuli.items()}
        names = list(runs[0].responses) if responses is None else list(responses)
        nuisance = nuisance or Nuisance()
        aligned = [align(run, resolution, stimuli, names, nuisance) for run in runs]
        self = cls.__new__(cls)
        self._setup(aligned, resolution, window, device, None)
        return self

    def _setup(
        self,
        aligned: Sequence[AlignedRun],
        resolution: float,
        window: int | None,
        device: str,
        n_batches: int | None,
    ) -> None:
        if window is not None and window < 1:
            raise UsageError(f"window must be 1 tick or more, got {window}")
        self.resolution, self.window, self.n_batches = float(resolution), window, n_batches
        self.device = check_device(device)
        self.n_runs = len(aligned)
        batches: dict[Any, list[int]] = {}
        for k, run in enumerate(aligned):
            # to the microsecond: times of a piece or run carry the rounding of a subtraction
            key = (run.grid.n_ticks, tuple(np.round(run.times, 6)))
            batches.setdefault(key, []).append(k)
        self._groups = [self._group(aligned, members) for members in batches.values()]
        self._stream: Iterator[Item] | None = None
        self._given = 0

    def _group(self, aligned: Sequence[AlignedRun], members: list[int]) -> _Group:
        runs = [aligned[k] for k in members]

        def side_by_side(arrays: Sequence[np.ndarray]) -> Tensor:
            stacked = torch.as_tensor(np.stack(arrays, axis=1), dtype=torch.get_default_dtype())
            return stacked.to(self.device)

        n = len(runs[0].times)
        widths = {r.response.shape[1] for r in runs if r.response is not None}
        if len(widths) > 1:
            raise UsageError(f"runs have different numbers of targets: {sorted(widths)}")
        width = widths.pop() if widths else 0
        return _Group(
            tuple(members),
            [side_by_side(s) for s in zip(*(r.stimuli for r in runs), strict=True)],
            runs[0].times,
            side_by_side(
                [np.full((n, width), np.nan) if r.response is None else r.response for r in runs]
            ),
            side_by_side([r.confounds for r in runs])
            if len({r.confounds.shape[1] for r in runs}) == 1
            else torch.zeros(n, len(runs), 0, device=self.device),
            [
                torch.as_tensor(r.nuisance, dtype=torch.get_default_dtype(), device=self.device)
                for r in runs
            ],
        )

    def __len__(self) -> int:
        """Return the number of items."""
        total = sum(-(-g.stimuli[0].shape[0] // self._length(g)) for g in self._groups)
        return total if self.n_batches is None else min(total, self.n_batches)

    def __iter__(self) -> Iterator[Item]:
        """Start over."""
        self._stream, self._given = self._items(), 0
        return self

    def __next__(self) -> Item:
        """Return the next item."""
        if self._stream is None:
            self._stream, self._given = self._items(), 0
        if self.is_final():
            raise StopIteration
        self._given += 1
        return next(self._stream)

    next = __next__

    def is_final(self) -> bool:
        """Return whether all items of this pass have been given."""
        return self._given >= len(self)

    def _length(self, group: _Group) -> int:
        return self.window or group.stimuli[0].shape[0]

    def _items(self) -> Iterator[Item]:
        for number, group in enumerate(self._groups):
            whole = {
                "stimulus": group.stimuli,
                "times": torch.tensor(group.times, device=self.device),
                "response": group.response,
                "confounds": group.confounds,
                "nuisance": group.nuisance,
                "group": number,
                "runs": group.runs,
                "first": True,
                "last": True,
            }
            yield from split_item(whole, self._length(group), self.resolution)


def _as_columns(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[:, None] if values.ndim == 1 else values


def _cut(
    stimulus: np.ndarray,
    stim_time: np.ndarray,
    response: np.ndarray | None,
    resp_time: np.ndarray | None,
    confounds: np.ndarray | None,
    n_pieces: int,
    resolution: float,
) -> list[Run]:
    """Return the series as ``n_pieces`` Runs of equal length; the last may end in silence."""
    step = float(np.median(np.diff(stim_time))) if len(stim_time) > 1 else resolution
    ends = [stim_time[-1] + step]
    if resp_time is not None:
        resp_time = np.asarray(resp_time, dtype=float)
        ends.append(resp_time[-1] + resolution)
        response = (
            np.full((len(resp_time), 1), np.nan) if response is None else _as_columns(response)
        )
    n_ticks = -(-int(np.ceil(max(ends) / resolution - TICK_TOLERANCE)) // n_pieces)
    length = n_ticks * resolution
    grid = TimeGrid(resolution, n_ticks)
    runs = []
    for k in range(n_pieces):
        low, high = k * length, (k + 1) * length
        measured = {}
        extra = None
        if resp_time is not None and response is not None:
            inside = (resp_time >= low - 1e-9) & (resp_time < high - 1e-9)
            measured = {"response": Stream(response[inside], resp_time[inside] - low)}
            if confounds is not None:
                extra = Stream(_as_columns(confounds)[inside], resp_time[inside] - low)
        shown = _held(stimulus, stim_time, stim_time[-1] + step, low + grid.midpoints)
        runs.append(
            Run(
                measured,
                {"stimulus": Stream(shown, grid.midpoints)},
                confounds=extra,
                duration=length,
                tr=resolution,
            )
        )
    return runs


def _held(samples: np.ndarray, starts: np.ndarray, end: float, at: np.ndarray) -> np.ndarray:
    """Return the sample that holds at each time; zero before the first and from ``end`` on."""
    index = np.searchsorted(starts, at, side="right") - 1
    shown = (index >= 0) & (at < end)
    return np.where(shown[:, None], samples[index], 0.0)
