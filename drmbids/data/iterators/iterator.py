"""DRMIterator: data as a stream of windows at the resolution of a net."""

import copy
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drmbids.data.iterators.device import check_device
from drmbids.data.iterators.groups import Group, group_runs, group_times
from drmbids.data.iterators.item import Item, split_item
from drmbids.data.iterators.pieces import cut
from drmbids.data.iterators.streamed import StreamedStimulus, one_ahead, to_device
from drmbids.data.runs.align import AlignedRun, align, unit_weights
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.time import check_resolution
from drmbids.data.tools.exceptions import UsageError


class DRMIterator:
    """Batches of windows, in the order of time within every run.

    Each item is a dictionary:

    - ``stimulus``: list of tensors (n_ticks, batch, n_columns), zero where absent;
    - ``times``: measured times in seconds from the start of the window, (n_measured,);
    - ``response``: (n_measured, batch, n_targets), NaN where missing;
    - ``confounds``: (n_measured, batch, n_confounds);
    - ``nuisance``: for each run of the batch the rows of its nuisance basis, (n_measured, rank);
    - ``weight``: how much each measured element counts, (n_measured, batch, n_targets), or
      (n_measured, batch, 1) where all targets share it; on average 1 over all that is measured in
      all runs. None where no run has weights;
    - ``readouts``: for data of several readouts, in place of the five keys before: by the name of a
      readout a dictionary of these five;
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
        Seconds at which samples begin, in any ticks. A tick shows the mean of the samples that
        begin in it; a tick without any has no stimulus, which is zero (see ``hold``).
    response : array of shape (n_measured, n_targets), optional
        NaN where missing; all missing when absent.
    resp_time : array of shape (n_measured,), optional
        Seconds; needed where there is a response.
    batch_size : int, optional
        Cut the series into so many pieces of equal length that are run side by side, each from
        silence: an approximation that trades the memory over the cuts for speed. Where
        measurements are regular, pieces are whole intervals between them long, and what the last
        one lacks is silent and missing.
    n_batches : int, optional
        Stop after so many items.
    confounds : array of shape (n_measured, n_confounds), optional
        At the times of the response.
    window : int, optional
        Ticks in an item; a whole run when absent, 1 for a step-by-step stream.
    device : str
        ``"cpu"``, ``"cuda"``, ``"cuda:1"`` ...
    burn_in : float
        Seconds by which pieces overlap: each but the first starts so much earlier, and what is
        measured in this time, which the piece before has too, is missing (NaN). The error of the
        cuts falls with it; there is none left where it covers all that a net without loops and its
        readout remember.
    hold : bool
        Whether each sample holds until the next, the last one for the median step between samples:
        for stimuli that were sampled at longer steps than ticks. A tick then shows the sample that
        holds in its middle.

    Raises
    ------
    UsageError
        If shapes or options do not fit.
    DataError
        If a sample of the stimulus is not a finite number.
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
        burn_in: float = 0.0,
        hold: bool = False,
    ):
        if response is not None and resp_time is None:
            raise UsageError("a response needs its times: resp_time")
        pieces = cut(
            stimulus, stim_time, response, resp_time, confounds,
            1 if batch_size is None else batch_size, burn_in,
            check_resolution(resolution), hold,
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
        responses: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        nuisance: Nuisance | Mapping[str, Nuisance] | None = None,
        window: int | None = None,
        device: str = "cpu",
    ) -> "DRMIterator":
        """Return an iterator over runs.

        A stimulus whose samples lie in a file (see :class:`Stream`) is read window by window, in
        every pass; a GPU gets each window through pinned memory, one ahead of its use.

        Parameters
        ----------
        runs : sequence of Run
        resolution : float
            Seconds per tick.
        stimuli : mapping of str to sequence of str, optional
            Stimuli and their columns; those of the first run when absent.
        responses : sequence of str, or mapping of str to sequence of str, optional
            Responses in the order of the targets, which share their times; those of the first run
            when absent. By the names of readouts for a net of several, whose times differ.
        nuisance : Nuisance, or mapping of str to Nuisance, optional
            What is fitted in each run on its own; the default of :class:`Nuisance` when absent.
        window : int, optional
            Ticks in an item; a whole run when absent.
        device : str
            Where the tensors live.

        Raises
        ------
        UsageError
            If there are no runs, or runs or options do not fit.
        DataError
            If a sample of a stimulus is not a finite number; one in a file is refused when it is
            read.
        """
        if not len(runs):
            raise UsageError("no runs")
        if stimuli is None:
            stimuli = {name: s.columns for name, s in runs[0].stimuli.items()}
        names = list(runs[0].responses) if responses is None else responses
        nuisance = nuisance or Nuisance()
        if isinstance(nuisance, Mapping) and (
            not isinstance(names, Mapping) or not set(names) <= set(nuisance)
        ):
            raise UsageError(
                "nuisance by readout needs responses by readout, one for each; "
                f"got {list(nuisance)} for {list(names)}"
            )
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
        weights = {
            name: unit_weights([run.measured[name] for run in aligned])
            for name in aligned[0].measured
        }
        batches: dict[Any, list[int]] = {}
        for k, run in enumerate(aligned):
            key = (run.grid.n_ticks, group_times(run.measured))
            batches.setdefault(key, []).append(k)
        left, self._groups = n_batches, list[Group]()
        for number, members in enumerate(batches.values()):
            group = group_runs(aligned, number, members, self.device, weights)
            n_items = -(-group.stimuli[0].shape[0] // self._length(group))
            if left is not None:
                n_items = min(n_items, left)
                left -= n_items
            self._groups.append(replace(group, n_items=n_items))
        self._stream: Iterator[Item] | None = None
        self._given = 0

    @property
    def layout(self) -> Hashable:
        """What items look like: equal for data that can be gone through side by side."""
        shapes = tuple(
            (g.stimuli[0].shape[0], len(g.runs), group_times(g.measured)) for g in self._groups
        )
        return shapes, self.window, self.n_batches

    @property
    def longest(self) -> int:
        """Ticks of the longest item."""
        return max(min(self._length(g), g.stimuli[0].shape[0]) for g in self._groups)

    @property
    def is_whole(self) -> bool:
        """Whether each item is of whole runs."""
        return all(self._length(g) >= g.stimuli[0].shape[0] for g in self._groups)

    def __len__(self) -> int:
        """Return the number of items."""
        return sum(group.n_items for group in self._groups)

    def share(self, worker: int, n_workers: int) -> "DRMIterator":
        """Return the same items with only the runs of one of several workers.

        Runs are dealt out in turn. They keep their numbers, and nothing is copied. With fewer runs
        than workers, nothing is left for the last ones.

        Parameters
        ----------
        worker : int
            From 0 on.
        n_workers : int
        """
        dealt, groups = 0, []
        for group in (g for g in self._groups if g.n_items):
            where = slice((worker - dealt) % n_workers, None, n_workers)
            dealt += len(group.runs)
            if group.runs[where]:
                groups.append(group.some(where))
        mine = copy.copy(self)
        mine._groups, mine._stream, mine._given = groups, None, 0
        return mine

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

    def _length(self, group: Group) -> int:
        return self.window or group.stimuli[0].shape[0]

    def _items(self) -> Iterator[Item]:
        streamed = any(isinstance(s, StreamedStimulus) for g in self._groups for s in g.stimuli)
        if self.device.type != "cuda" or not streamed:
            return self._windows(list)
        stream = torch.cuda.current_stream(self.device)
        return one_ahead(self._windows(lambda tensors: to_device(tensors, stream)))

    def _windows(self, placed: Callable[[list[Tensor]], list[Tensor]]) -> Iterator[Item]:
        for group in self._groups:
            whole = {
                "stimulus": group.stimuli,
                **group.columns(),
                "group": group.number,
                "runs": group.runs,
                "first": True,
                "last": True,
            }
            for item in split_item(whole, self._length(group), self.resolution):
                # [:] reads a stimulus that lies in a file, where that is not cut into windows
                yield {**item, "stimulus": placed([s[:] for s in item["stimulus"]])}
