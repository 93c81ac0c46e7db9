"""Named columns in time: sampled (:class:`Stream`) or given as events (:class:`Events`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drmbids.data.runs.time import TimeGrid
from drmbids.data.tools.exceptions import DataError
from drmbids.data.tools.screen import events_text, stream_text


def _frozen(array: Any) -> np.ndarray:
    """Return a copy as float64: of a list, an array, a tensor or a table; NaN for what is missing.

    Raises
    ------
    DataError
        If there is something else than real numbers.
    """
    if isinstance(array, np.ma.MaskedArray):
        array = np.ma.filled(np.ma.asarray(array, dtype=np.float64), np.nan)
    elif hasattr(array, "detach"):  # torch, which is not imported here
        array = array.detach().cpu().numpy()
    try:
        if hasattr(array, "to_numpy"):  # pandas, whose NA no array of numbers holds
            array = array.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.iscomplexobj(array):
            raise TypeError("complex numbers")
        array = np.array(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"real numbers are needed, got {type(array).__name__}: {error}; NaN marks what is "
            "missing"
        ) from error
    array.setflags(write=False)
    return array


def _refuse_infinite(values: np.ndarray, times: np.ndarray, columns: Sequence[str]) -> None:
    """Raise if a value is infinite: it would spoil whatever it is summed into."""
    infinite = np.isinf(values)
    if infinite.any():
        row, column = (int(k) for k in np.argwhere(infinite)[0])
        raise DataError(
            f"column {columns[column]!r} at {times[row]:g} s is {values[row, column]:g}; fill the "
            "gap, or let NaN mark it as missing"
        )


def _view(array: np.ndarray) -> np.ndarray:
    array = array[...]
    array.setflags(write=False)
    return array


def _weights(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return weights of samples as one column, those of elements as they are, or raise."""
    weights = _frozen(weights)
    if weights.shape not in (values.shape[:1], values.shape, (len(values), 1)):
        raise DataError(
            f"a stream of values {values.shape} needs weights {values.shape[:1]} or "
            f"{values.shape}, got {weights.shape}"
        )
    weights = weights.reshape(len(values), -1)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        wrong = weights[~(np.isfinite(weights) & (weights >= 0))][0]
        raise DataError(f"weights must be finite numbers of 0 or more, got {wrong:g}")
    if isinstance(values, np.memmap):
        raise DataError("a stream that lies in a file takes no weights; read its values first")
    return weights


@dataclass(frozen=True, eq=False)
class Stream:
    """Samples of one or more columns, each sample at a time in seconds.

    Parameters
    ----------
    values : array of shape (n_times, n_columns)
        NaN marks a missing element; a stimulus may have none. A memory-mapped array, as
        ``numpy.load(path, mmap_mode="r")`` returns it, stays in its file, with its own type of
        numbers: a stimulus that is too large to be held is then read window by window.
    times : array of shape (n_times,)
        Seconds from the start of the run's first volume, strictly increasing.
    columns : sequence of str, optional
        One name for each column; numbered when absent.
    unit : str
        Unit of the values, ``"1"`` for none.
    weights : array of shape (n_times,) or (n_times, n_columns), optional
        How much each sample, or each element, of a response counts in every fit and score: 0 or
        more, 1 when absent. An element of weight 2 counts like two of weight 1; one of weight 0 is
        missing, its value becomes NaN. Kept as (n_times, 1) or (n_times, n_columns).

    Raises
    ------
    DataError
        If the shapes disagree, a time is not finite, times do not increase, a value is infinite or
        no number, or a weight is negative or not finite.

    Examples
    --------
    >>> Stream([[1.0], [2.0]], times=[0.0, 2.0], columns=["V1"]).values.shape
    (2, 1)
    >>> Stream([[1.0], [2.0]], times=[0.0, 2.0], weights=[0.5, 0.0]).values.ravel()
    array([ 1., nan])
    """

    values: np.ndarray
    times: np.ndarray
    columns: Sequence[str] = ()
    unit: str = "1"
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        values, times = self.values, _frozen(self.times)
        values = _view(values) if isinstance(values, np.memmap) else _frozen(values)
        if values.ndim != 2 or times.shape != values.shape[:1]:
            raise DataError(
                f"a stream needs values (n_times, n_columns) and times (n_times,), "
                f"got {values.shape} and {times.shape}"
            )
        if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise DataError("the times of a stream must be finite and strictly increasing")
        columns = tuple(self.columns) or tuple(str(i) for i in range(values.shape[1]))
        if len(columns) != values.shape[1] or len(set(columns)) != len(columns):
            raise DataError(
                f"a stream of {values.shape[1]} columns needs as many different names, "
                f"got {list(columns)[:10]}"
            )
        if not isinstance(values, np.memmap):
            _refuse_infinite(values, times, columns)
        weights = None
        if self.weights is not None:
            weights = _weights(self.weights, values)
            if not weights.all():
                values = _frozen(np.where(weights > 0, values, np.nan))
        for name, value in (
            ("values", values),
            ("times", times),
            ("columns", columns),
            ("weights", weights),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Stream({stream_text(self.times, self.columns, self.unit, self.weights)})"

    # joblib sends large arrays to its workers as memory maps: those stand for arrays in memory
    def __getstate__(self) -> dict:
        return {**self.__dict__, "in_file": self.in_file}

    def __setstate__(self, state: dict) -> None:
        values = state["values"] if state.pop("in_file") else _view(np.asarray(state["values"]))
        for name, value in {**state, "values": values}.items():
            object.__setattr__(self, name, value)

    @property
    def in_file(self) -> bool:
        """Whether the values are read from a file when they are needed."""
        return isinstance(self.values, np.memmap)

    def sample(self, grid: TimeGrid, ticks: slice = slice(None)) -> np.ndarray:
        """Return the columns on the ticks, shape (n_ticks, n_columns).

        Linear interpolation at the middle of each tick between the neighbouring samples; zero
        before the first and after the last, the value of an absent stimulus.

        Parameters
        ----------
        grid : TimeGrid
        ticks : slice
            Of the grid; all when absent. Only samples beside them are read.

        Raises
        ------
        DataError
            If a sample that is needed is not a finite number.
        """
        at = grid.midpoints[ticks]
        out = np.zeros((len(at), self.values.shape[1]))
        if not len(self.times):
            return out
        shown = np.flatnonzero((at >= self.times[0]) & (at <= self.times[-1]))
        at = at[shown]
        last = len(self.times) - 1
        low = np.clip(np.searchsorted(self.times, at, side="right") - 1, 0, max(last - 1, 0))
        high = np.minimum(low + 1, last)
        span = np.where(high > low, self.times[high] - self.times[low], 1.0)
        share = ((at - self.times[low]) / span)[:, None]
        out[shown] = (1 - share) * self.samples(low)
        out[shown] += share * self.samples(high)
        return out

    def samples(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return samples as float64, or raise.

        Parameters
        ----------
        rows : array of int or slice
            All when absent.

        Raises
        ------
        DataError
            If one is not a finite number.
        """
        values = np.asarray(self.values[rows], dtype=np.float64)
        if not np.isfinite(values).all():
            row, column = (int(k) for k in np.argwhere(~np.isfinite(values))[0])
            raise DataError(
                f"column {self.columns[column]!r} at {self.times[rows][row]:g} s is "
                f"{values[row, column]:g}; fill the gap, or take the column out of the stimulus"
            )
        return values


@dataclass(frozen=True, eq=False)
class Events:
    """Events of one or more conditions: the stimulus as an ``events.tsv`` gives it.

    Parameters
    ----------
    onsets, durations : array of shape (n_events,)
        Seconds; a duration of 0 is an impulse, as strong as an event of 1 s.
    conditions : sequence of str of length n_events
        Condition (``trial_type``) of each event.
    amplitudes : array of shape (n_events,), optional
        Ones when absent.
    columns : sequence of str, optional
        All conditions, in order, also those without an event here; the sorted ones that occur
        when absent.
    unit : str
        Unit of the amplitudes, ``"1"`` for none.
    modulators : sequence of str
        Those of the columns that are numbers beside the conditions: each event of such a column
        has the number as its amplitude.

    Raises
    ------
    DataError
        If lengths disagree, a number is not finite, a duration is negative, or a condition is
        not among the columns.

    Examples
    --------
    >>> Events([1.0], [1.0], ["face"]).sample(TimeGrid(0.5, 5)).ravel()
    array([0., 0., 1., 1., 0.])
    """

    onsets: np.ndarray
    durations: np.ndarray
    conditions: Sequence[str]
    amplitudes: np.ndarray | None = None
    columns: Sequence[str] = ()
    unit: str = "1"
    modulators: Sequence[str] = ()

    #: Events are held in memory.
    in_file = False

    def __post_init__(self) -> None:
        onsets, durations = _frozen(self.onsets), _frozen(self.durations)
        amplitudes = _frozen(np.ones_like(onsets) if self.amplitudes is None else self.amplitudes)
        conditions = tuple(self.conditions)
        columns = tuple(self.columns) or tuple(sorted(set(conditions)))
        if not len(onsets) == len(durations) == len(amplitudes) == len(conditions):
            raise DataError("onsets, durations, amplitudes and conditions must have one length")
        for name, array in (("onset", onsets), ("duration", durations), ("amplitude", amplitudes)):
            if not np.isfinite(array).all():
                row = int(np.flatnonzero(~np.isfinite(array))[0])
                raise DataError(f"event {row}: the {name} is not a finite number")
        if (durations < 0).any():
            row = int(np.flatnonzero(durations < 0)[0])
            raise DataError(f"event {row}: negative duration {durations[row]:g} s")
        unknown = sorted({*conditions, *self.modulators} - set(columns))
        if unknown:
            raise DataError(f"conditions {unknown} are not among the columns {list(columns)}")
        for name, value in (
            ("onsets", onsets),
            ("durations", durations),
            ("amplitudes", amplitudes),
            ("conditions", conditions),
            ("columns", columns),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Events({events_text(self.onsets, self.conditions, self.columns)})"

    def sample(self, grid: TimeGrid, ticks: slice = slice(None)) -> np.ndarray:
        """Return the conditions on the ticks, shape (n_ticks, n_columns).

        A tick holds the amplitude times the part of the tick that the event covers, so no event
        is shifted or shortened by the grid. An impulse fills the tick it falls in at the height
        that gives it an area of 1 s times its amplitude, at any resolution. Events that overlap
        add up.

        Parameters
        ----------
        grid : TimeGrid
        ticks : slice
            Of the grid; all when absent.
        """
        out = np.zeros((grid.n_ticks, len(self.columns)))
        index = {name: k for k, name in enumerate(self.columns)}
        edges = np.arange(grid.n_ticks + 1) * grid.resolution
        for onset, duration, amplitude, condition in zip(
            self.onsets, self.durations, np.asarray(self.amplitudes), self.conditions, strict=True
        ):
            column = out[:, index[condition]]
            if duration == 0:
                tick = int(np.floor(onset / grid.resolution + 1e-9))
                if 0 <= tick < grid.n_ticks:
                    column[tick] += amplitude / grid.resolution
                continue
            covered = np.clip(edges, onset, onset + duration)
            column += amplitude * np.diff(covered) / grid.resolution
        return out[ticks]
