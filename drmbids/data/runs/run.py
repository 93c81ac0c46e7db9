"""One run of measured data, and where its voxels lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from drmbids.data.runs.frames import Frames
from drmbids.data.runs.space import PlaceSpace
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError
from drmbids.data.tools.screen import MOST_LISTED, cut, listed, numbered

#: Keys of BIDS file names for the entities of functional images whose long names differ.
ENTITY_KEYS = {
    "subject": "sub",
    "session": "ses",
    "acquisition": "acq",
    "ceagent": "ce",
    "reconstruction": "rec",
    "direction": "dir",
}


@dataclass(frozen=True, eq=False)
class VoxelSpace:
    """Where the targets of each region lie in an image.

    Parameters
    ----------
    shape : tuple of 3 int
        Shape of the image.
    affine : array of shape (4, 4)
        Voxel indices to millimetres.
    voxels : mapping of str to array of int of shape (n_voxels, 3)
        Indices of the voxels of each region, in the order of its response columns.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray
    voxels: Mapping[str, np.ndarray]

    @property
    def members(self) -> Mapping[str, np.ndarray]:
        """Voxels of each region."""
        return self.voxels

    def columns(self, region: str) -> list[str]:
        """Return the name of each target of a region, its indices ``i_j_k``."""
        return [f"{i}_{j}_{k}" for i, j, k in self.voxels[region]]

    def keep(self, alive: Mapping[str, np.ndarray]) -> "VoxelSpace":
        """Return the space with some targets of each region.

        Parameters
        ----------
        alive : mapping of str to array of bool of shape (n_voxels,)
        """
        return replace(self, voxels={n: v[alive[n]] for n, v in self.voxels.items()})

    def volume(self, values: Mapping[str, np.ndarray], fill: float = np.nan) -> np.ndarray:
        """Return an image array with the values of each region at its voxels.

        Parameters
        ----------
        values : mapping of str to array of shape (n_voxels,) or (n_times, n_voxels)
            Values by region.
        fill : float
            Value outside all regions.

        Returns
        -------
        array of shape ``shape`` or (*shape, n_times)
        """
        first = np.asarray(next(iter(values.values())))
        tail = first.shape[:-1]
        out = np.full((*self.shape, *tail), fill)
        for region, array in values.items():
            i, j, k = self.voxels[region].T
            out[i, j, k] = np.asarray(array).T
        return out


@dataclass(frozen=True, eq=False)
class Run:
    """Stimuli, responses and confounds of one run, all in seconds from its first volume.

    A list of Runs is the data set. Runs may differ in length, TR, confounds and conditions; no
    delay, hemodynamic tail, window or fold ever crosses from one run to another.

    Parameters
    ----------
    responses : mapping of str to Stream
        Measured series by region (or channel group), with their weights where samples do not count
        alike (:func:`drmbids.with_weights`). May be empty: a model predicts without them.
    stimuli : mapping of str to Stream, Events or Frames
        What the subject saw or heard, by name.
    confounds : Stream, optional
        Confound columns (motion, physiology), usually one row for each volume.
    duration : float, optional
        Seconds from the start of the first volume to the end of the last; taken from the
        responses when absent (last time plus ``tr``).
    tr : float, optional
        Repetition time in seconds; None where volumes are irregular.
    entities : mapping of str to str
        BIDS entities: ``{"subject": "01", "task": "rest", "run": "1"}``.
    space : VoxelSpace or PlaceSpace, optional
        Where the responses lie in the image, on the surface or in the CIFTI file they came from.
    sources : sequence of str
        Files that the run was read from.
    times : array of shape (n_measured,), optional
        Seconds to predict at where there are no responses; one each ``tr`` from 0 on when absent.
    timing : str
        What states when the first volume was measured, in words.

    Raises
    ------
    DataError
        If neither ``duration`` nor ``tr`` and responses tell how long the run is, or a stimulus or
        the confounds have weights, which belong to responses.

    Examples
    --------
    >>> import numpy as np
    >>> bold = Stream(np.zeros((10, 3)), times=2.0 * np.arange(10))
    >>> run = Run({"V1": bold}, {"events": Events([4.0], [2.0], ["face"])}, tr=2.0)
    >>> run.duration
    20.0
    """

    responses: Mapping[str, Stream]
    stimuli: Mapping[str, Stream | Events | Frames] = field(default_factory=dict)
    confounds: Stream | None = None
    duration: float | None = None
    tr: float | None = None
    entities: Mapping[str, str] = field(default_factory=dict)
    space: VoxelSpace | PlaceSpace | None = None
    sources: Sequence[str] = ()
    times: np.ndarray | None = None
    timing: str = ""

    def __post_init__(self) -> None:
        for name in ("responses", "stimuli", "entities"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "sources", tuple(self.sources))
        if self.times is not None:
            object.__setattr__(self, "times", np.array(self.times, dtype=np.float64))
        if self.duration is None:
            last = max((s.times[-1] for s in self.responses.values()), default=None)
            if last is None or self.tr is None:
                raise DataError(f"{self.label}: give `duration`, or responses and `tr`")
            object.__setattr__(self, "duration", float(last + self.tr))
        for name, stream in [*self.stimuli.items(), ("confounds", self.confounds)]:
            if getattr(stream, "weights", None) is not None:
                raise DataError(f"{self.label}: {name!r} has weights, which belong to responses")

    def __repr__(self) -> str:
        return _text(self)

    # mappingproxy objects cannot be pickled, and joblib has to send Runs to its workers
    def __getstate__(self) -> dict:
        state = dict(self.__dict__)
        for name in ("responses", "stimuli", "entities"):
            state[name] = dict(state[name])
        return state

    def __setstate__(self, state: dict) -> None:
        for name, value in state.items():
            proxy = name in ("responses", "stimuli", "entities")
            object.__setattr__(self, name, MappingProxyType(value) if proxy else value)

    @property
    def label(self) -> str:
        """Entities as in a BIDS file name: ``sub-01_task-rest_run-1``."""
        pairs = [f"{ENTITY_KEYS.get(k, k)}-{v}" for k, v in self.entities.items()]
        return "_".join(pairs) or "run"

    def measured_times(self, names: Sequence[str] | None = None) -> np.ndarray:
        """Return the times at which responses are measured or to be predicted, in seconds.

        Parameters
        ----------
        names : sequence of str, optional
            Responses to look at; all when absent.

        Returns
        -------
        array of shape (n_measured,)
            The times the named responses share; without responses ``times``, or one each ``tr``.

        Raises
        ------
        DataError
            If the responses have different times, or there are neither responses nor a TR.
        """
        streams = [self.responses[n] for n in (names or self.responses) if n in self.responses]
        if streams:
            times = streams[0].times
            if any(not np.array_equal(times, s.times) for s in streams[1:]):
                raise DataError(f"{self.label}: responses of one readout have different times")
            return times
        if self.times is not None:
            return self.times
        if self.tr is None or self.duration is None:
            raise DataError(f"{self.label}: no responses and no TR, so no times to predict at")
        return np.arange(round(self.duration / self.tr)) * self.tr

    def measured_weights(self, names: Sequence[str]) -> np.ndarray | None:
        """Return how much each measured element counts.

        Parameters
        ----------
        names : sequence of str
            Responses, whose targets come side by side.

        Returns
        -------
        array of shape (n_measured, 1) or (n_measured, n_targets), or None
            One column where all targets share the weights of samples; None where no response has
            weights.
        """
        streams = [self.responses[name] for name in names]
        known = [s.weights for s in streams if s.weights is not None]
        if not known:
            return None
        same = len(known) == len(streams) and all(w.shape[1] == 1 for w in known)
        if same and all(np.array_equal(w, known[0]) for w in known):
            return known[0]
        ones = (np.ones((len(s.times), 1)) if s.weights is None else s.weights for s in streams)
        shapes = (s.values.shape for s in streams)
        parts = [np.broadcast_to(w, shape) for w, shape in zip(ones, shapes, strict=True)]
        return np.concatenate(parts, axis=1)

    def without_responses(self) -> "Run":
        """Return the same run with its measured series taken out; it keeps times they share."""
        shared = {stream.times.tobytes(): stream.times for stream in self.responses.values()}
        times = next(iter(shared.values())) if len(shared) == 1 else self.times
        return replace(self, responses={}, times=times)


def _text(run: Run) -> str:
    """Return what a run holds, a line for each kind."""
    tr = "no TR" if run.tr is None else f"TR {run.tr:g} s"
    lines = [f"Run({run.label}: {run.duration:g} s, {tr}"]
    for name, stream in _first(run.responses):
        n_missing = 0 if stream.in_file else int(np.isnan(stream.values).sum())
        missing = f", {n_missing} missing" if n_missing else ""
        unit = "" if stream.unit in ("", "1") else f", unit {stream.unit!r}"
        n, n_targets = stream.values.shape
        shape = f"{numbered(n, 'sample')} x {numbered(n_targets, 'target')}"
        lines.append(f"  response {cut(name)}: {shape}{unit}{missing}")
    lines += _more(run.responses, "responses")
    lines += [f"  stimulus {cut(k)}: {shown!r}" for k, shown in _first(run.stimuli)]
    lines += _more(run.stimuli, "stimuli")
    lines += [f"  {what}: none" for what in ("responses", "stimuli") if not getattr(run, what)]
    confounds = None if run.confounds is None else run.confounds.columns
    found = "none" if not confounds else f"{len(confounds)} ({listed(confounds)})"
    return "\n".join([*lines, f"  confounds: {found})"])


def _first(items: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(items.items())[:MOST_LISTED]


def _more(items: Mapping[str, Any], what: str) -> list[str]:
    more = len(items) - MOST_LISTED
    return [f"  and {more} more {what}"] if more > 0 else []
