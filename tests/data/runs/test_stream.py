import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.time import TimeGrid
from drmbids.data.tools.exceptions import DataError

GRID = TimeGrid(0.5, 80)

event = st.tuples(st.floats(-10, 50), st.floats(0.01, 20), st.sampled_from("abc"), st.floats(-3, 3))


def build(rows: list) -> Events:
    onsets, durations, conditions, amplitudes = zip(*rows, strict=True)
    return Events(onsets, durations, conditions, amplitudes, columns="abc")


def inside(onset: float, duration: float) -> float:
    """Return the seconds of an event that lie on the grid."""
    return max(0.0, min(onset + duration, GRID.duration) - max(onset, 0.0))


@given(rows=st.lists(event, min_size=1, max_size=8), seed=st.randoms(use_true_random=False))
def test_order_of_events_does_not_matter(rows: list, seed) -> None:
    other = list(rows)
    seed.shuffle(other)
    np.testing.assert_allclose(build(rows).sample(GRID), build(other).sample(GRID), atol=1e-12)


@given(row=event, part=st.floats(0.05, 0.95))
def test_an_event_cut_in_two_is_the_same_event(row: tuple, part: float) -> None:
    onset, duration, condition, amplitude = row
    first = duration * part
    halves = [
        (onset, first, condition, amplitude),
        (onset + first, duration - first, condition, amplitude),
    ]
    np.testing.assert_allclose(build([row]).sample(GRID), build(halves).sample(GRID), atol=1e-9)


@given(rows=st.lists(event, min_size=1, max_size=8))
def test_area_is_preserved(rows: list) -> None:
    area = build(rows).sample(GRID).sum(axis=0) * GRID.resolution
    expected = [sum(a * inside(o, d) for o, d, c, a in rows if c == name) for name in "abc"]
    np.testing.assert_allclose(area, expected, atol=1e-8)


@given(rows=st.lists(event, min_size=1, max_size=8))
def test_area_does_not_depend_on_the_resolution(rows: list) -> None:
    fine = TimeGrid(GRID.resolution / 4, 4 * GRID.n_ticks)
    coarse = build(rows).sample(fine).reshape(GRID.n_ticks, 4, 3).mean(axis=1)
    np.testing.assert_allclose(coarse, build(rows).sample(GRID), atol=1e-9)


@given(onset=st.floats(0, 20), duration=st.floats(0, 10), ticks=st.integers(1, 18))
def test_later_events_are_the_same_later(onset: float, duration: float, ticks: int) -> None:
    onset = round(onset, 3)
    now = Events([onset], [duration], "a").sample(GRID)
    later = Events([onset + ticks * GRID.resolution], [duration], "a").sample(GRID)
    np.testing.assert_allclose(later[ticks:], now[:-ticks], atol=1e-9)
    assert not later[:ticks].any()


def test_impulses_fill_the_tick_they_fall_in() -> None:
    events = Events([0.0, 1.2, 39.99, 40.0, -0.1], np.zeros(5), "aaaaa", [1, 2, 3, 4, 5])
    out = events.sample(GRID).ravel()
    # an area of one second times the amplitude, whatever the resolution
    height = 1 / GRID.resolution
    assert {int(k): out[k] / height for k in np.flatnonzero(out)} == {0: 1.0, 2: 2.0, 79: 3.0}


def test_columns_of_events() -> None:
    assert Events([1, 2], [1, 1], ["z", "a"]).columns == ("a", "z")
    wide = Events([1], [1], ["z"], columns=["z", "never"])
    assert wide.sample(GRID).shape == (80, 2) and not wide.sample(GRID)[:, 1].any()
    assert Events([], [], []).sample(GRID).shape == (80, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1.0, 2.0], ["a"]), "must have one length"),
        (([1.0], [1.0], ["a", "b"]), "must have one length"),
        (([np.nan], [1.0], ["a"]), "event 0: the onset is not"),
        (([1.0, 1.0], [1.0, np.inf], ["a", "a"]), "event 1: the duration is not"),
        (([1.0], [1.0], ["a"], [np.nan]), "event 0: the amplitude is not"),
        (([1.0], [-2.0], ["a"]), "event 0: negative duration -2 s"),
        (([1.0], [1.0], ["a"], None, ["b"]), r"\['a'\] are not among the columns \['b'\]"),
    ],
)
def test_events_that_cannot_be(arguments: tuple, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Events(*arguments)


def test_stream_is_interpolated_inside_and_zero_outside() -> None:
    stream = Stream([[0.0], [4.0], [8.0]], times=[1.0, 3.0, 5.0])
    out = stream.sample(TimeGrid(1.0, 7)).ravel()
    np.testing.assert_allclose(out, [0, 1, 3, 5, 7, 0, 0])


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=20))
def test_samples_at_the_middle_of_the_ticks_come_back(values: list) -> None:
    grid = TimeGrid(0.25, len(values))
    stream = Stream(np.array(values)[:, None], grid.midpoints)
    np.testing.assert_allclose(stream.sample(grid).ravel(), values, atol=1e-12)


@given(
    values=st.lists(st.floats(-5, 5), min_size=1, max_size=20),
    start=st.integers(0, 40),
    length=st.integers(0, 40),
)
def test_some_ticks_are_a_part_of_all(values: list, start: int, length: int) -> None:
    """Equal to numpy's own interpolation, whichever ticks are asked for."""
    grid, times = TimeGrid(0.3, 40), 0.7 * np.arange(len(values)) + 1.0
    stream = Stream(np.array(values)[:, None], times)
    whole = stream.sample(grid)
    wanted = np.interp(grid.midpoints, times, values, left=0.0, right=0.0)
    np.testing.assert_allclose(whole[:, 0], wanted, rtol=0, atol=1e-14)
    ticks = slice(start, start + length)
    np.testing.assert_array_equal(stream.sample(grid, ticks), whole[ticks])
    events = build([(1.0, 2.5, "a", 1.0), (4.0, 0.4, "b", -2.0)])
    np.testing.assert_array_equal(events.sample(grid, ticks), events.sample(grid)[ticks])


def test_a_stream_without_samples_is_silent() -> None:
    assert not Stream(np.zeros((0, 2)), []).sample(TimeGrid(1.0, 3)).any()


def test_infinite_values_are_refused_at_once() -> None:
    values = np.ones((6, 2))
    values[3, 1] = -np.inf
    with pytest.raises(DataError, match="column 'b' at 3 s is -inf; fill the gap, or let NaN"):
        Stream(values, np.arange(6.0), ["a", "b"])


def test_a_stimulus_with_a_gap_is_refused() -> None:
    values = np.ones((6, 2))
    values[3, 1] = np.nan
    stream, grid = Stream(values, np.arange(6.0), ["a", "b"]), TimeGrid(1.0, 6)
    with pytest.raises(DataError, match="column 'b' at 3 s is nan; fill the gap, or take"):
        stream.sample(grid)
    with pytest.raises(DataError, match="column 'b' at 3 s"):
        stream.samples()
    assert stream.sample(grid, slice(0, 2)).all()  # it is not needed there


def test_a_memory_mapped_stimulus_stays_in_its_file(tmp_path: Path) -> None:
    values, times = np.arange(12, dtype=np.float32).reshape(6, 2), np.arange(6.0)
    np.save(tmp_path / "values.npy", values)
    for mode in ("r", "r+"):
        mapped = np.load(tmp_path / "values.npy", mmap_mode=mode)
        stream = Stream(mapped, times)
        assert stream.in_file and np.shares_memory(stream.values, mapped)
        assert stream.values.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            stream.values[0] = 2
        held = Stream(values, times)
        assert not held.in_file
        grid = TimeGrid(0.3, 20)
        np.testing.assert_array_equal(stream.sample(grid), held.sample(grid))
    with pytest.raises(DataError, match="needs values"):
        Stream(np.load(tmp_path / "values.npy", mmap_mode="r").reshape(3, 2, 2), times[:3])


@pytest.mark.parametrize(
    ("values", "times", "columns", "message"),
    [
        ([1.0, 2.0], [0.0, 1.0], (), r"needs values \(n_times, n_columns\)"),
        ([[1.0], [2.0]], [0.0], (), "needs values"),
        ([[1.0], [2.0]], [1.0, 1.0], (), "strictly increasing"),
        ([[1.0], [2.0]], [0.0, np.nan], (), "finite"),
        ([[1.0, 2.0]], [0.0], ("a",), "as many different names"),
        ([[1.0, 2.0]], [0.0], ("a", "a"), "as many different names"),
    ],
)
def test_streams_that_cannot_be(values, times, columns, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Stream(values, times, columns)


@pytest.mark.parametrize(
    "thing", [Stream([[1.0, np.nan]], [2.0], ["x", "y"], "mm"), Events([1.0], [2.0], ["a"])]
)
def test_streams_can_be_sent_to_workers(thing: Stream | Events) -> None:
    again = pickle.loads(pickle.dumps(thing))
    assert vars(again).keys() == vars(thing).keys()
    for name, value in vars(thing).items():
        np.testing.assert_array_equal(getattr(again, name), value)


def test_values_are_copied_and_cannot_be_changed() -> None:
    values = np.ones((3, 1))
    stream = Stream(values, times=[0.0, 1.0, 2.0])
    values[:] = 7
    assert stream.values.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        stream.values[0] = 2


def test_samples_sent_to_another_process_as_a_map_are_still_in_memory(tmp_path) -> None:
    np.save(tmp_path / "large.npy", np.arange(6.0).reshape(3, 2))
    mapped = np.load(tmp_path / "large.npy", mmap_mode="r")
    held, in_file = Stream(np.array(mapped), np.arange(3.0)), Stream(mapped, np.arange(3.0))
    for stream, wanted in ((held, False), (in_file, True)):
        state = {**stream.__getstate__(), "values": mapped}  # what joblib makes of a large array
        sent = Stream.__new__(Stream)
        sent.__setstate__(state)
        assert sent.in_file is stream.in_file is wanted
        np.testing.assert_array_equal(sent.values, stream.values)
        assert not sent.values.flags.writeable
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(held)).values, held.values)
