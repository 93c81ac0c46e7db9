"""When the volumes of a run were measured: what its sidecars and its files say of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import error, warn
from drmbids.bids.reading.measured import TR_LIMITS, Measured
from drmbids.bids.reading.repetition import repetition_time
from drmbids.bids.reading.stated import IN_SECONDS, sidecar_of, stated_number, stated_numbers
from drmbids.bids.reading.unite import TR_TOLERANCE
from drmbids.data.runs.run import Run

_FROM_START = "the start of its acquisition, as no StartTime is stated"


@dataclass(frozen=True, eq=False)
class VolumeTimes:
    """When the volumes of a run were acquired, and which times their values stand for.

    Parameters
    ----------
    starts : array of shape (n_volumes,)
        Seconds at which the acquisition of each volume began, on the clock of the events.
    tr : float or None
        Seconds from one start to the next, None where volumes are irregular.
    acquisition : float
        Seconds that the acquisition of one volume takes.
    reference : float or None
        Seconds from the start of a volume to the time that its values stand for, None where nothing
        states it: that is the start, and slices are as they were acquired.
    source : str
        What states the time of the first volume, in words.
    """

    starts: np.ndarray
    tr: float | None
    acquisition: float
    reference: float | None = None
    source: str = _FROM_START

    @property
    def times(self) -> np.ndarray:
        """Seconds that the values of each volume stand for."""
        return self.starts + (self.reference or 0.0)

    @property
    def middles(self) -> np.ndarray:
        """Seconds at which a volume is best described by one time: the middle of its acquisition.

        Where slices were corrected in time, it is the time that they were corrected to.
        """
        return self.starts + self.acquisition / 2 if self.reference is None else self.times

    @property
    def duration(self) -> float:
        """Seconds from the start of the run to the end of its last volume."""
        return float(self.starts[-1]) + (self.acquisition if self.tr is None else self.tr)

    @property
    def told(self) -> str:
        """The time of the first volume, and what states it."""
        first = float(self.times[0])
        text = f"{first:.2f}" if math.isclose(first, round(first, 2)) else f"{first:g}"
        return f"first volume at {text} s: {self.source}"


def volume_times(files: RunFiles, measured: Measured, tr: float | None = None) -> VolumeTimes:
    """Return when the volumes of a run were measured.

    Volume ``n`` is acquired from ``n * TR`` on, or from where ``VolumeTiming`` has it. Its values
    stand for that time plus ``StartTime``, to which slices were corrected (as fMRIPrep states it);
    where the sidecar has none, the image's own start (``SeriesStart`` of CIFTI-2, ``toffset`` of
    NIfTI) is taken. Volumes discarded by scanner or user move nothing: onsets of events count from
    the first volume that was kept.

    Parameters
    ----------
    files : RunFiles
        With its metadata: ``RepetitionTime``, or ``VolumeTiming`` and ``FrameAcquisitionDuration``
        (``AcquisitionDuration`` before BIDS 1.11).
    measured : Measured
        The file.
    tr : float, optional
        Repetition time in seconds, see :func:`repetition_time`.

    Raises
    ------
    DataError
        If the times are not stated, cannot be right, or contradict each other.
    """
    stated = _volume_timing(files, measured)
    if stated is None:
        step: float | None = repetition_time(files, measured, tr)
        starts = np.arange(measured.n_volumes) * step
    else:
        starts, step = stated
        if step is None:
            _refuse_tr(files, starts, tr)
        else:
            repetition_time(files, measured, tr, step)
    longest = float(np.diff(starts).min()) if step is None else step
    _warn_of_unitless(files, measured, step)
    slices = slice_timing(files, longest)
    reference, source = _reference(files, measured, longest)
    if stated is not None:
        source = _of(files, "VolumeTiming") + (f" and {source}" if source else "")
        _warn_of_late_start(files, float(starts[0]))
    acquisition = _acquisition(files, longest, slices, starts if stated is not None else None)
    return VolumeTimes(starts, step, acquisition, reference, source or _FROM_START)


def times_metadata(run: Run) -> dict[str, Any]:
    """Return metadata that state when the volumes of a run were measured, as they are read here.

    Parameters
    ----------
    run : Run

    Returns
    -------
    dict
        ``RepetitionTime``, or ``VolumeTiming`` and ``AcquisitionDuration`` of irregular volumes;
        ``StartTime`` where the first volume stands for another time than 0.
    """
    times = run.measured_times()
    steps = np.diff(times)
    step = float(steps.min()) if run.tr is None else run.tr
    start = round(float(times[0]), 6)
    regular = run.tr is not None and np.abs(steps - step).max() <= TR_TOLERANCE
    if start > step + TR_TOLERANCE:  # no volume lasts so long: it was stated by VolumeTiming
        regular, start = False, 0.0
    stated = {"StartTime": start} if start else {}
    if regular:
        return {"RepetitionTime": step, **stated}
    starts = np.round(times - start, 6)
    acquisition = round(float(run.duration or 0.0) - float(starts[-1]), 6)
    return {"VolumeTiming": starts.tolist(), "AcquisitionDuration": acquisition, **stated}


def _volume_timing(files: RunFiles, measured: Measured) -> tuple[np.ndarray, float | None] | None:
    """Return ``VolumeTiming`` and its step if that is regular; None where it is not stated."""
    stated = files.metadata.get("VolumeTiming")
    if stated is None:
        return None
    file, n = sidecar_of(files, "VolumeTiming"), measured.n_volumes
    times = stated_numbers(files, "VolumeTiming")
    if len(times) != n:
        found = f"VolumeTiming has {len(times)} times, {files.bold.name} has {n} volumes"
        raise error("TM01", file, found, "state one time for each volume")
    steps = np.diff(times)
    if times[0] < 0 or (steps <= 0).any():
        k = 0 if times[0] < 0 else int(np.flatnonzero(steps <= 0)[0]) + 1
        after = f" after {times[k - 1]:g} s" if k else ""
        found = f"VolumeTiming has {times[k]:g} s{after} for volume {k} (counted from 0)"
        raise error("TM01", file, found, "times have to increase, from 0 s on")
    low, high = TR_LIMITS
    middle = float(np.median(steps))
    if not low <= middle <= high:
        found = f"volumes are {middle:g} s apart in VolumeTiming (milliseconds?)"
        raise error("TM01", file, found, f"state seconds, {low:g} to {high:g} of them apart")
    step = float(steps.mean()) if np.ptp(steps) <= 2 * TR_TOLERANCE else None
    if files.metadata.get("RepetitionTime") is not None:
        told = stated_number(files, "RepetitionTime")
        if step is None or abs(step - told) > TR_TOLERANCE:
            found = f"VolumeTiming has volumes {_steps(times)} apart, RepetitionTime is {told:g} s"
            raise error("TM01", file, found, "BIDS allows one of the two: remove the wrong one")
    return times, step


def _refuse_tr(files: RunFiles, starts: np.ndarray, tr: float | None) -> None:
    """Raise if a repetition time is given for volumes that have none."""
    if tr is not None:
        found = f"--tr {tr:g} s, but VolumeTiming has volumes {_steps(starts)} apart"
        remedy = "leave out --tr, or remove VolumeTiming if it is wrong"
        raise error("IM12", sidecar_of(files, "VolumeTiming"), found, remedy)


def _steps(times: np.ndarray) -> str:
    """Return the seconds between volumes in words."""
    low, high = (f"{x:g}" for x in (np.diff(times).min(), np.diff(times).max()))
    return f"{low} s" if low == high else f"{low} to {high} s"


def _warn_of_unitless(files: RunFiles, measured: Measured, step: float | None) -> None:
    """Warn of a header whose number is the repetition time in no unit."""
    value = measured.unitless_tr()
    if value is None or step is None:
        return
    if not any(abs(value * unit - step) <= TR_TOLERANCE for unit in (1.0, 1e-3, 1e-6)):
        found = (
            f"volumes are {value:g} apart in the header, in no unit of time, and {step:g} s here"
        )
        warn("TM02", files.bold, found, "check the repetition time; correct the header")


def _warn_of_late_start(files: RunFiles, first: float) -> None:
    if first > TR_TOLERANCE:
        found = f"VolumeTiming begins at {first:g} s, taken as time on the clock of the events"
        remedy = "if onsets count from the first volume, as in BIDS, let VolumeTiming begin at 0"
        warn("TM02", sidecar_of(files, "VolumeTiming"), found, remedy)


def slice_timing(files: RunFiles, longest: float) -> np.ndarray | None:
    """Return ``SliceTiming`` in the order of the list, None where it is not stated.

    Parameters
    ----------
    files : RunFiles
    longest : float
        Seconds from a volume to the next.

    Raises
    ------
    DataError
        If one is no number, negative, or beyond the next volume.
    """
    if files.metadata.get("SliceTiming") is None:
        return None
    times = stated_numbers(files, "SliceTiming")
    wrong = (times < 0) | (times > longest + TR_TOLERANCE)
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        why = "negative" if times[k] < 0 else f"longer than the TR of {longest:g} s (milliseconds?)"
        found = f"the SliceTiming of slice {k} is {times[k]:g} s, which is {why}"
        raise error("TM01", sidecar_of(files, "SliceTiming"), found, IN_SECONDS)
    return times


def _reference(files: RunFiles, measured: Measured, longest: float) -> tuple[float | None, str]:
    """Return what values stand for, in seconds from the start of a volume, and what states it."""
    own = measured.stated_start()
    if files.metadata.get("StartTime") is not None:
        file = sidecar_of(files, "StartTime")
        value = stated_number(files, "StartTime")
        _check_reference("StartTime", value, file, longest)
        if own is not None and abs(own.seconds - value) > TR_TOLERANCE:
            found = f"StartTime {value:g} s is taken, not {own.name} {own.seconds:g} s"
            warn("TM02", file, f"{found} of {files.bold.name}", "correct one of them")
        return value, _of(files, "StartTime")
    if own is not None:
        if own.is_sure:
            _check_reference(own.name, own.seconds, files.bold, longest)
        taken = 0 < own.seconds <= longest + TR_TOLERANCE
        if not own.is_sure:
            how = "is taken for the time of the first volume" if taken else "is not used"
            remedy = "write StartTime (0 without slice timing correction) into the sidecar"
            found = f"{own.name} {own.seconds:g} s in the header {how}"
            warn("TM02", files.bold, found, remedy)
        if taken:
            return own.seconds, f"{own.name} of {files.bold}"
    if files.metadata.get("SliceTimingCorrected") is True:
        found = "slices were corrected in time, but StartTime does not state to which time"
        remedy = "write StartTime into the sidecar; the start of each volume is taken"
        warn("TM02", sidecar_of(files, "SliceTimingCorrected"), found, remedy)
    return None, ""


def _check_reference(name: str, value: float, file: Path, longest: float) -> None:
    """Raise unless a volume stands for a time between its start and the next volume."""
    if not -TR_TOLERANCE <= value <= longest + TR_TOLERANCE:
        more = " (milliseconds?)" if value > longest else ""
        found = f"{name} {value:g} s is not within 0 to {longest:g} s, the time of one volume{more}"
        remedy = "StartTime in the sidecar is the seconds from a volume's start to its slices' time"
        raise error("TM01", file, found, remedy)


def _acquisition(
    files: RunFiles, longest: float, slices: np.ndarray | None, stated: np.ndarray | None
) -> float:
    """Return the seconds that the acquisition of a volume takes, given ``VolumeTiming``."""
    if files.metadata.get("FrameAcquisitionDuration") is not None:
        return _part(files, "FrameAcquisitionDuration", longest)
    has_duration = stated is not None and files.metadata.get("AcquisitionDuration") is not None
    # since BIDS 1.11 it is that of the whole scan
    if has_duration and stated_number(files, "AcquisitionDuration") < stated[-1]:
        return _part(files, "AcquisitionDuration", longest)
    if slices is not None and len(set(slices.tolist())) > 1:
        order = np.unique(slices)
        return min(longest, float(order[-1] + order[1] - order[0]))
    if stated is None and files.metadata.get("DelayTime") is not None:
        return longest - _part(files, "DelayTime", longest)
    return longest


def _part(files: RunFiles, name: str, longest: float) -> float:
    """Return metadata that have to be a part of the time from a volume to the next."""
    value = stated_number(files, name)
    if not 0 <= value <= longest + TR_TOLERANCE:
        found = f"{name} {value:g} s is not within 0 to {longest:g} s, the time to the next volume"
        raise error("TM01", sidecar_of(files, name), found, IN_SECONDS)
    return value


def _of(files: RunFiles, name: str) -> str:
    return f"{name} of {sidecar_of(files, name)}"
