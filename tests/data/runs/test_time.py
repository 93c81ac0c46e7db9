import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drmbids.data.runs.time import TimeGrid, check_resolution, delay_to_ticks
from drmbids.data.tools.exceptions import ModelError, UsageError

resolutions = st.sampled_from([0.01, 0.05, 0.1, 0.125, 0.3, 1.0, 2.5])


@given(ticks=st.integers(0, 10_000), resolution=resolutions)
def test_whole_delays_survive_the_way_through_seconds(ticks: int, resolution: float) -> None:
    assert delay_to_ticks(ticks * resolution, resolution) == ticks


@given(ticks=st.integers(0, 1000), part=st.floats(0.01, 0.99), resolution=resolutions)
def test_other_delays_are_refused_with_their_neighbours(
    ticks: int, part: float, resolution: float
) -> None:
    with pytest.raises(ModelError) as caught:
        delay_to_ticks((ticks + part) * resolution, resolution, "V1 -> V2")
    message = str(caught.value)
    assert message.startswith("V1 -> V2: ")
    assert f"{ticks * resolution:g} s or {(ticks + 1) * resolution:g} s" in message


@pytest.mark.parametrize("delay", [-0.1, math.nan, math.inf])
def test_delays_that_cannot_be(delay: float) -> None:
    with pytest.raises(ModelError, match="0 s or more"):
        delay_to_ticks(delay, 0.1)


@given(duration=st.floats(0.01, 5000), resolution=resolutions)
def test_a_grid_covers_the_duration_and_no_more(duration: float, resolution: float) -> None:
    grid = TimeGrid.covering(duration, resolution)
    assert grid.duration >= duration - 1e-3 * resolution
    assert grid.n_ticks == 1 or (grid.n_ticks - 1) * resolution < duration


@given(n_volumes=st.integers(1, 2000), tr=st.sampled_from([0.72, 0.8, 1.5, 2.0, 2.5, 3.22]))
def test_whole_runs_get_no_extra_tick(n_volumes: int, tr: float) -> None:
    assert TimeGrid.covering(n_volumes * tr, tr).n_ticks == n_volumes
    assert TimeGrid.covering(n_volumes * tr, tr / 8).n_ticks == 8 * n_volumes


def test_midpoints() -> None:
    np.testing.assert_allclose(TimeGrid(0.5, 3).midpoints, [0.25, 0.75, 1.25])


@pytest.mark.parametrize("resolution", [0, -1, math.nan, math.inf])
def test_resolutions_that_cannot_be(resolution: float) -> None:
    with pytest.raises(UsageError, match="positive number of seconds"):
        check_resolution(resolution)
    with pytest.raises(UsageError, match="positive number of seconds"):
        TimeGrid(resolution, 3)


def test_empty_grid_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one tick"):
        TimeGrid(0.1, 0)
