"""Pictures, frames and feature arrays shown at times, each read when a tick shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from drmbids.data.runs.time import TimeGrid
from drmbids.data.tools.exceptions import DataError
from drmbids.data.tools.screen import frames_text


class FrameSource(Protocol):
    """Frames of one shape, read one at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a frame: (channels, height, width) of a picture."""
        ...

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def __getitem__(self, number: int, /) -> np.ndarray:
        """Return a frame, of the shape or flat."""
        ...


@dataclass(frozen=True, eq=False)
class Frames:
    """A stimulus of frames: what a column is to :class:`Events`, a frame is here.

    A frame is read when a tick that is asked for shows it, so a run of any length needs the memory
    of the frames of one window.

    Parameters
    ----------
    onsets, durations : array of shape (n_shown,)
        Seconds; a duration of 0 is an impulse, as strong as a frame shown for 1 s.
    which : array of int of shape (n_shown,)
        Number of the frame in the source.
    source : FrameSource
        The frames, such as an array of shape (n_frames, channels, height, width).
    unit : str
        Unit of the values, ``"1"`` for none.

    Attributes
    ----------
    columns : tuple of str
        A name for each number of a frame, by its place: ``channel_row_column``.
    shape : tuple of int
        Shape of a frame; columns are its numbers in the order of :func:`numpy.ravel`.

    Raises
    ------
    DataError
        If lengths disagree, a time is not finite, a duration is negative, or a frame is not there.

    Examples
    --------
    >>> film = Frames([0.0, 1.0], [1.0, 0.5], [0, 1], np.array([[2.0, 4.0], [6.0, 8.0]]))
    >>> film.sample(TimeGrid(1.0, 3))
    array([[2., 4.],
           [3., 4.],
           [0., 0.]])
    """

    onsets: np.ndarray
    durations: np.ndarray
    which: np.ndarray
    source: FrameSource
    unit: str = "1"
    columns: Sequence[str] = field(init=False)
    shape: tuple[int, ...] = field(init=False)

    #: Frames are read from files, window by window.
    in_file = True

    def __post_init__(self) -> None:
        times = [np.array(x, dtype=np.float64) for x in (self.onsets, self.durations)]
        which = np.array(self.which, dtype=np.int64)
        if not len(times[0]) == len(times[1]) == len(which):
            raise DataError("onsets, durations and which must have one length")
        if not all(np.isfinite(t).all() for t in times) or (times[1] < 0).any():
            raise DataError("onsets must be finite, durations finite and not negative")
        if len(which) and not 0 <= which.min() <= which.max() < len(self.source):
            raise DataError(f"frame {which.max()} is shown, of {len(self.source)} that there are")
        shape = tuple(int(n) for n in self.source.shape)
        if isinstance(self.source, np.ndarray):
            shape = shape[1:]  # its first axis counts the frames
        names = tuple("_".join(map(str, place)) for place in np.ndindex(shape))
        for name, value in (
            *(("onsets", times[0]), ("durations", times[1]), ("which", which)),
            *(("columns", names), ("shape", shape)),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Frames({frames_text(self.onsets, len(self.source), self.shape)})"

    @property
    def shown(self) -> tuple[str, ...]:
        """What tells the frames apart, in the order they are shown: file names where there are."""
        names = getattr(self.source, "names", None)
        return tuple(str(k) if names is None else str(names[k]) for k in self.which)

    def sample(self, grid: TimeGrid, ticks: slice = slice(None)) -> np.ndarray:
        """Return the frames on the ticks, shape (n_ticks, n_columns).

        A tick holds each frame times the part of the tick that it covers. An impulse fills the tick
        it falls in at the height that gives it an area of 1 s.

        Parameters
        ----------
        grid : TimeGrid
        ticks : slice
            Of the grid; all when absent. Only frames shown within them are read, each once.

        Raises
        ------
        DataError
            If a number of a frame that is shown is not finite.
        """
        start, stop, _ = ticks.indices(grid.n_ticks)
        out = np.zeros((max(stop - start, 0), len(self.columns)))
        parts: dict[int, list[tuple[slice, np.ndarray]]] = {}
        edges = np.arange(start, stop + 1) * grid.resolution
        ends = self.onsets + self.durations
        near = (ends > start * grid.resolution) & (self.onsets < stop * grid.resolution)
        for k in np.flatnonzero(near | (self.durations == 0)):
            onset, duration, number = self.onsets[k], self.durations[k], int(self.which[k])
            if duration == 0:
                tick = int(np.floor(onset / grid.resolution + 1e-9)) - start
                if 0 <= tick < len(out):
                    share = np.array([1.0 / grid.resolution])
                    parts.setdefault(number, []).append((slice(tick, tick + 1), share))
                continue
            first = max(int(np.searchsorted(edges, onset, "right")) - 1, 0)
            last = int(np.searchsorted(edges, ends[k]))
            around = edges[first : last + 1]
            covered = np.diff(np.clip(around, onset, ends[k])) / grid.resolution
            parts.setdefault(number, []).append((slice(first, first + len(covered)), covered))
        for number, places in parts.items():
            frame = np.asarray(self.source[number], dtype=np.float64).ravel()
            if not np.isfinite(frame).all():
                raise DataError(
                    f"frame {number} holds a number that is not finite; repair its file"
                )
            for where, share in places:
                out[where] += share[:, None] * frame
        return out
