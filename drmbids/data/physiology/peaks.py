"""Where in a recording the heart beats and the chest is full; the peaks are found by neurokit2."""

from importlib import import_module
from typing import Any

import numpy as np

from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError, UsageError

#: Seconds between two beats that a resting heart does not leave: 30 to 180 beats per minute.
BEAT_LIMITS = (60 / 180, 60 / 30)


def sampling_rate(recording: Stream) -> float:
    """Return the samples per second of a recording with regular times."""
    return (len(recording.times) - 1) / (recording.times[-1] - recording.times[0])


def trace_of(recording: Stream, column: str) -> np.ndarray:
    """Return a trace, which may have no gap.

    Raises
    ------
    DataError
        If samples are missing.
    """
    trace = np.asarray(recording.values[:, recording.columns.index(column)], dtype=float)
    missing = ~np.isfinite(trace)
    if missing.any():
        raise DataError(
            f"{missing.sum()} of {len(trace)} samples of {column!r} are missing, the first at "
            f"{recording.times[missing.argmax()]:g} s; fill the gaps, or go without the recording"
        )
    return trace


def heart_beats(recording: Stream, column: str = "cardiac", kind: str = "ppg") -> np.ndarray:
    """Return the times of the heart beats in seconds.

    Parameters
    ----------
    recording : Stream
        At regular times.
    column : str
        Of the trace.
    kind : {"ppg", "ecg"}
        Pulse oximetry, whose systolic peaks are found as in Elgendi et al. 2013, PLoS ONE 8:e76585,
        or an electrocardiogram, whose R peaks are found by neurokit2's own method (Makowski et al.
        2021, Behavior Research Methods 53:1689-1696).

    Returns
    -------
    array of shape (n_beats,)

    Raises
    ------
    UsageError
        If neurokit2 is not installed, or the kind is unknown.
    DataError
        If there are fewer than two beats.
    """
    if kind not in ("ppg", "ecg"):
        raise UsageError(f"unknown kind of cardiac trace {kind!r}; choose ppg or ecg")
    return _peaks(recording, column, kind, "heart beats")


def breaths(recording: Stream, column: str = "respiratory") -> np.ndarray:
    """Return the times of the ends of inspiration in seconds, by neurokit2's method for belts.

    Parameters
    ----------
    recording, column
        As for :func:`heart_beats`.

    Raises
    ------
    UsageError
        If neurokit2 is not installed.
    DataError
        If there are fewer than two breaths.
    """
    return _peaks(recording, column, "rsp", "breaths")


def _peaks(recording: Stream, column: str, kind: str, what: str) -> np.ndarray:
    kit, rate = _neurokit(), sampling_rate(recording)
    trace = trace_of(recording, column)
    try:
        clean = getattr(kit, f"{kind}_clean")(trace, sampling_rate=rate)
        found = getattr(kit, f"{kind}_findpeaks")(clean, sampling_rate=rate)
    except (ValueError, IndexError, ZeroDivisionError) as fault:
        raise DataError(f"no {what} found in {column!r}: {fault}") from fault
    name = {"ppg": "PPG_Peaks", "ecg": "ECG_R_Peaks", "rsp": "RSP_Peaks"}[kind]
    peaks = np.asarray(found[name], dtype=float)
    peaks = peaks[np.isfinite(peaks)].astype(int)
    if len(peaks) < 2:
        raise DataError(f"{len(peaks)} {what} found in {column!r}; check the trace and its columns")
    return recording.times[peaks]


def _neurokit() -> Any:
    try:
        return import_module("neurokit2")
    except ModuleNotFoundError as error:
        if error.name != "neurokit2":
            raise
        raise UsageError(
            "heart beats and breaths are found by neurokit2: pip install 'drmbids[physio]'"
        ) from error
