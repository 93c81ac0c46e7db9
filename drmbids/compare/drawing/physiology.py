"""Heart and breath: a look at the traces and at the peaks that were found in them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import BLACK, PALETTE, WIDTH, styled
from drmbids.data.runs.stream import Stream

#: Seconds of the traces that are shown, from the middle of the recording.
HEART_S, CHEST_S = 20.0, 60.0


@styled
def physiology(
    recordings: dict[str, Stream], peaks: dict[str, np.ndarray], title: str = ""
) -> Figure:
    """Draw for each trace an excerpt with its peaks, and the rate over the whole recording.

    Missed beats are dips of the rate to one half, beats found twice are jumps to the double.

    Parameters
    ----------
    recordings : dict of str to Stream
        For ``cardiac`` and ``respiratory``, or one of them, the recording with that column.
    peaks : dict of str to array
        Seconds of the heart beats and of the ends of inspiration, under the same names.
    title : str
        Shown above the figure.

    Returns
    -------
    Figure

    Examples
    --------
    >>> t = np.arange(0, 100, 0.02)
    >>> breath = Stream(np.sin(2 * np.pi * t / 4)[:, None], t, ["respiratory"])
    >>> len(physiology({"respiratory": breath}, {"respiratory": np.arange(1.0, 100, 4)}).axes)
    2
    """
    figure = Figure(figsize=(WIDTH, 0.4 + 1.6 * len(recordings)), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=8.5, fontweight="bold")
    rows = figure.subplots(len(recordings), 2, squeeze=False, gridspec_kw={"width_ratios": (3, 2)})
    for line, (name, recording) in zip(rows, recordings.items(), strict=True):
        length = HEART_S if name == "cardiac" else CHEST_S
        _excerpt(line[0], recording, name, peaks[name], length)
        _rate(line[1], name, peaks[name])
    for axes in rows[-1]:
        axes.set_xlabel("Time from the first volume (s)")
    return figure


def _excerpt(axes: Axes, recording: Stream, name: str, peaks: np.ndarray, length: float) -> None:
    trace = np.asarray(recording.values[:, recording.columns.index(name)], dtype=float)
    middle = (recording.times[0] + recording.times[-1]) / 2
    low, high = middle - length / 2, middle + length / 2
    shown = (recording.times >= low) & (recording.times <= high)
    axes.plot(recording.times[shown], trace[shown], color=BLACK, linewidth=0.8)
    there = peaks[(peaks >= low) & (peaks <= high)]
    heights = np.interp(there, recording.times, trace)
    what = "beats" if name == "cardiac" else "ends of inspiration"
    axes.plot(there, heights, "v", color=PALETTE[1], markersize=4, label=f"{len(peaks)} {what}")
    axes.set(ylabel=name.capitalize(), yticks=[], xlim=(low, high))
    axes.margins(y=0.15)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)


def _rate(axes: Axes, name: str, peaks: np.ndarray) -> None:
    rate = pd.Series(60 / np.diff(peaks), (peaks[1:] + peaks[:-1]) / 2)
    axes.plot(rate.index, rate, color=PALETTE[0], linewidth=0.8)
    median = rate.median()
    axes.axhline(median, color=BLACK, linewidth=0.6, linestyle=":")
    axes.set_title(f"median {median:.0f} per minute", fontweight="normal", fontsize=7)
    axes.set_ylabel("Beats per minute" if name == "cardiac" else "Breaths per minute")
    axes.set_ylim(0, max(2.2 * median, rate.max() * 1.05))
