"""What a run and its streams say of themselves fits a screen, however much they hold."""

import numpy as np
import pytest

from drmbids.data.runs.frames import Frames
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.screen import cut


def make_run(n: int) -> Run:
    times = 1.5 * np.arange(10)
    values = np.zeros((10, 4))
    values[2, 1] = np.nan
    names = [f"condition_{k}_{'x' * 40}" for k in range(n)]
    return Run(
        {f"V{k}": Stream(values, times, unit="percent") for k in range(n)},
        {
            "events": Events(np.arange(n, dtype=float), np.ones(n), names),
            "film": Frames([0.0, 2.0], [1.0, 1.0], [0, 1], np.zeros((2, 3, 8, 9))),
            **{f"feature {k}": Stream(values, times) for k in range(n)},
        },
        Stream(np.zeros((10, n)), times, [f"trans_{k}" for k in range(n)]),
        tr=1.5,
        entities={"subject": "01", "run": "2"},
    )


@pytest.mark.parametrize("n", [1, 3, 200])
def test_a_run_fits_a_screen_and_names_shapes_units_conditions_and_regions(n: int) -> None:
    text = repr(make_run(n))
    lines = text.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 190
    assert lines[0] == "Run(sub-01_run-2: 15 s, TR 1.5 s"
    assert lines[1] == "  response V0: 10 samples x 4 targets, unit 'percent', 1 missing"
    assert f"{n} event" in text and cut("condition_0_" + "x" * 40) in text
    assert "2 shown of 2 frames of shape (3, 8, 9)" in text
    assert f"confounds: {n} (trans_0" in text
    assert ("and 195 more" in text) == (n == 200)


def test_an_empty_run_says_so() -> None:
    text = repr(Run({}, duration=5.0))
    assert "no TR" in text and "stimuli: none" in text and "confounds: none" in text


def test_streams_and_events_show_no_arrays() -> None:
    stream = Stream(np.zeros((1000, 2)), np.arange(1000.0), ["x", "y"], unit="cm/s")
    assert repr(stream) == "Stream(1000 samples x 2 columns (x, y), 0 to 999 s, unit 'cm/s')"
    events = Events([1.0, 5.0], [1.0, 1.0], ["a", "a"], columns=["a", "b"])
    assert repr(events) == "Events(2 events (a 2, b 0), 1 to 5 s)"
    assert len(cut("y" * 90)) == 20
