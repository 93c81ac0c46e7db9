"""Targets of several runs are matched by name: voxels that trade places stay what they are."""

import numpy as np
import pytest

from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.runs.stream import Stream
from drmbids.data.runs.targets import match_targets, only_targets, targets_of, with_targets
from drmbids.data.tools.exceptions import DataError, DataWarning

TIMES = 2.0 * np.arange(4)
VOXELS = np.array([(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)])


def run_of(label: str, *which: int, **more: Stream) -> Run:
    """Return a run with some of four voxels, whose values say which voxel they are of."""
    space = VoxelSpace((2, 2, 2), np.eye(4), {"V1": VOXELS[list(which)]})
    values = np.add.outer(0.1 * np.arange(4), np.array(which, dtype=float))
    bold = Stream(values, TIMES, space.columns("V1"))
    return Run({"V1": bold, **more}, tr=2.0, entities={"run": label}, space=space)


def voxels_of(run: Run) -> list[int]:
    """Return which of the four voxels the columns hold, by their values."""
    return run.responses["V1"].values[0].astype(int).tolist()


def test_voxels_in_another_order_are_put_in_that_of_the_first_run() -> None:
    runs = match_targets([run_of("1", 0, 1, 2, 3), run_of("2", 3, 1, 0, 2)])
    assert [voxels_of(run) for run in runs] == [[0, 1, 2, 3]] * 2
    np.testing.assert_array_equal(runs[1].space.voxels["V1"], VOXELS)
    volume = runs[1].space.volume({"V1": runs[1].responses["V1"].values[0]})
    assert [volume[tuple(v)] for v in VOXELS] == [0, 1, 2, 3]


def test_voxels_that_some_runs_lack_are_left_out_of_all_and_said() -> None:
    with pytest.warns(DataWarning, match=r"run-1 and 1 more: .* left out of all: V1: 2 of 4$"):
        runs = match_targets([run_of("1", 0, 1, 2), run_of("2", 3, 2, 0)])
    assert [voxels_of(run) for run in runs] == [[0, 2]] * 2
    assert targets_of(runs) == {"V1": ("0_0_0", "0_1_0")}


def test_matched_runs_are_the_same_objects() -> None:
    runs = [run_of("1", 0, 1), run_of("2", 0, 1)]
    assert all(a is b for a, b in zip(match_targets(runs), runs, strict=True))


def test_runs_without_a_common_voxel_are_refused() -> None:
    with pytest.raises(DataError, match="share no target of 'V1', from run-1 to run-2"):
        match_targets([run_of("1", 0, 1), run_of("2", 2, 3)])


def test_columns_without_names_are_taken_as_they_come() -> None:
    runs = [Run({"V1": Stream(np.ones((4, 3)), TIMES)}, tr=2.0) for _ in range(2)]
    assert [r.responses["V1"].columns for r in match_targets(runs)] == [("0", "1", "2")] * 2
    fewer = Run({"V1": Stream(np.ones((4, 2)), TIMES)}, tr=2.0)
    with pytest.raises(DataError, match="cannot be matched; name them"):
        match_targets([runs[0], fewer])
    with pytest.raises(DataError, match="called 0, 1, 2, but those that run-1 has 0_0_0, 0_0_1"):
        match_targets([run_of("1", 0, 1, 2), runs[0]])


def test_regions_come_in_the_order_of_the_first_run() -> None:
    other = Stream(np.ones((4, 2)), TIMES)
    first = run_of("1", 0, 1, V2=other)
    second = Run({"V2": other, "V1": first.responses["V1"]}, tr=2.0)
    assert [list(run.responses) for run in match_targets([first, second])] == [["V1", "V2"]] * 2


def test_a_fitted_model_finds_its_voxels_in_a_run() -> None:
    fitted = {"V1": ("0_0_1", "1_0_0", "0_0_0")}
    assert voxels_of(with_targets(run_of("2", 0, 1, 2, 3), fitted)) == [1, 3, 0]
    with pytest.warns(DataWarning, match=r"run-2: lacks targets .* V1: 1 of 3$"):
        found = with_targets(run_of("2", 0, 1, 2), fitted)
    np.testing.assert_array_equal(found.responses["V1"].values[0], [1, np.nan, 0])
    assert found.space is None
    with pytest.raises(DataError, match="run-2: has none of the 3 targets of 'V1'"):
        with_targets(run_of("2", 2), fitted)
    with pytest.raises(DataError, match="run-2: no response 'V2'"):
        only_targets(run_of("2", 0), {"V2": ("0",)})


def test_weights_of_elements_go_with_their_voxels() -> None:
    run = run_of("2", 2, 0)
    bold = run.responses["V1"]
    weighted = Stream(bold.values, TIMES, bold.columns, weights=[[2.0, 1.0]] * 4)
    run = Run({"V1": weighted}, tr=2.0, entities={"run": "2"}, space=run.space)
    matched = match_targets([run_of("1", 0, 2), run])[1]
    assert voxels_of(matched) == [0, 2]
    assert matched.responses["V1"].weights[0].tolist() == [1.0, 2.0]
