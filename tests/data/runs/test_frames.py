import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.align import align
from drmbids.data.runs.frames import Frames
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events
from drmbids.data.runs.time import TimeGrid
from drmbids.data.tools.exceptions import DataError


class Counted:
    """Frames that count how often each is read."""

    shape = (1, 2, 2)

    def __init__(self, n_frames: int):
        self.values = np.arange(4.0 * n_frames).reshape(n_frames, *self.shape) + 1
        self.read = [0] * n_frames

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, number: int) -> np.ndarray:
        self.read[number] += 1
        return self.values[number]


@given(
    st.lists(st.tuples(st.floats(-2, 12), st.floats(0, 5), st.integers(0, 2)), max_size=6),
    st.sampled_from([0.1, 0.25, 1.0]),
)
def test_frames_are_events_whose_columns_are_pictures(shown: list, resolution: float) -> None:
    onsets, durations, which = np.array(shown).reshape(-1, 3).T
    frames = Frames(onsets, durations, which.astype(int), Counted(3))
    events = Events(onsets, durations, [str(int(k)) for k in which], columns=["0", "1", "2"])
    grid = TimeGrid(resolution, round(10 / resolution))
    expected = events.sample(grid) @ Counted(3).values.reshape(3, 4)
    np.testing.assert_allclose(frames.sample(grid), expected, atol=1e-9)
    parts = [frames.sample(grid, slice(k, k + 7)) for k in range(0, grid.n_ticks, 7)]
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-9)


def test_only_what_a_window_shows_is_read() -> None:
    source = Counted(4)
    frames = Frames([0.0, 2.0, 4.0, 6.0], [1.0] * 4, [0, 1, 2, 3], source)
    grid = TimeGrid(0.5, 20)
    frames.sample(grid, slice(4, 8))
    assert source.read == [0, 1, 0, 0]
    run = Run({}, {"film": frames}, duration=10.0, tr=1.0)
    align(run, 0.5, {"film": frames.columns}, [], Nuisance())
    items = iter(DRMIterator.from_runs([run], 0.5, window=4))
    assert source.read == [0, 1, 0, 0]  # nothing is read before its window comes
    first = next(items)
    assert source.read == [1, 1, 0, 0]
    assert first["stimulus"][0].shape == (4, 1, 4)
    np.testing.assert_array_equal(first["stimulus"][0][0, 0], source.values[0].ravel())
    assert frames.columns[1] == "0_0_1"
    assert frames.shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"onsets": [0.0]}, "one length"),
        ({"durations": [1.0, -1.0]}, "not negative"),
        ({"onsets": [0.0, np.nan]}, "must be finite"),
        ({"which": [0, 5]}, "frame 5 is shown, of 2"),
    ],
)
def test_what_cannot_be_shown(change: dict, message: str) -> None:
    right = {"onsets": [0.0, 1.0], "durations": [1.0, 1.0], "which": [0, 1]}
    with pytest.raises(DataError, match=message):
        Frames(**{**right, **change}, source=Counted(2))


def test_a_number_that_is_not_finite_is_met_when_it_is_read() -> None:
    frames = Frames([0.0], [1.0], [0], np.array([[np.inf]]))
    with pytest.raises(DataError, match="frame 0 holds a number that is not finite"):
        frames.sample(TimeGrid(1.0, 2))
