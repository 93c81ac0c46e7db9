"""The figure of heart and breath shows each peak where it is."""

import numpy as np

from drmbids.compare.drawing.physiology import physiology
from drmbids.data.runs.stream import Stream


def test_peaks_rates_and_what_a_missed_beat_looks_like() -> None:
    times = -10 + np.arange(0, 120, 0.02)
    recording = Stream(np.cos(2 * np.pi * times)[:, None], times, ["cardiac"])
    beats = np.arange(-10.0, 110.0)
    figure = physiology({"cardiac": recording}, {"cardiac": np.delete(beats, 60)}, "run 1")
    excerpt, rate = figure.axes
    low, high = excerpt.get_xlim()
    assert (low, high) == (times.mean() - 10, times.mean() + 10)
    shown = excerpt.lines[1]
    np.testing.assert_allclose(
        shown.get_xdata(), [b for b in np.delete(beats, 60) if low <= b <= high]
    )
    np.testing.assert_allclose(shown.get_ydata(), 1.0)
    assert sorted(set(np.round(rate.lines[0].get_ydata(), 6))) == [30.0, 60.0]
    assert "119 beats" in excerpt.get_legend().get_texts()[0].get_text()
    assert rate.get_ylabel() == "Beats per minute"
    assert rate.get_ylim()[0] == 0
