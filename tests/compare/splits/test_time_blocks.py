"""Folds over blocks in time: what is held out, guarded and trained on within a run."""

from dataclasses import replace

import numpy as np
import pytest

from drmbids.compare.splits.time_blocks import BlockFolds, block_folds
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError, UsageError


def make_run(times: np.ndarray, label: str = "1", missing: slice = slice(0)) -> Run:
    values = np.random.default_rng(len(times)).normal(size=(len(times), 2))
    values[missing] = np.nan
    return Run({"V1": Stream(values, times)}, tr=2.0, entities={"run": label})


def seen(run: Run) -> np.ndarray:
    return np.isfinite(run.responses["V1"].values).all(axis=1)


@pytest.mark.parametrize("guard", [0.0, 1.0, 7.3, 16.0, 32.0])
@pytest.mark.parametrize("n_blocks", [2, 4, 5])
def test_blocks_cover_the_run_once_and_guards_keep_their_distance(n_blocks, guard):
    irregular = np.cumsum(np.random.default_rng(0).uniform(0.5, 3.0, 170))
    for times in (2.0 * np.arange(150), irregular):
        run, tested = make_run(times), np.zeros(len(times), dtype=int)
        for (train,), (test,) in block_folds([run], n_blocks, guard):
            held, trained = seen(test), seen(train)
            tested += held
            distance = np.abs(times[:, None] - times[None, held]).min(axis=1)
            np.testing.assert_array_equal(trained, ~held & (distance >= guard - 1e-9))
            assert np.ptp(np.flatnonzero(held)) == held.sum() - 1  # one stretch
        assert (tested == 1).all()


def test_blocks_hold_as_many_measured_volumes_where_data_are_missing():
    run = make_run(2.0 * np.arange(200), missing=slice(20, 100))
    sizes = [seen(test).sum() for _, (test,) in block_folds([run], guard=10.0)]
    assert sizes == [30] * 4


def test_every_response_is_held_out_at_the_same_time_whatever_its_sampling():
    slow, fast = 2.0 * np.arange(100), 0.25 * np.arange(800)
    responses = {
        "bold": Stream(np.zeros((100, 1)), slow),
        "eeg": Stream(np.zeros((800, 3)), fast),
    }
    run = Run(responses, tr=2.0)
    for (train,), (test,) in block_folds([run], guard=8.0):
        held = [
            stream.times[np.isfinite(stream.values).all(axis=1)]
            for stream in (*test.responses.values(), *train.responses.values())
        ]
        assert abs(held[0][0] - held[1][0]) < 2 and abs(held[0][-1] - held[1][-1]) <= 2
        away = np.abs(np.concatenate(held[2:])[:, None] - np.concatenate(held[:2])[None])
        assert away.min() >= 8.0


def test_runs_may_differ_in_length_and_repetition_time():
    runs = [make_run(2.0 * np.arange(120), "1"), make_run(1.1 * np.arange(301), "2")]
    folds = BlockFolds().folds(runs)
    assert [run.label for run in folds[1].test_runs(runs)] == ["run-1_block-2", "run-2_block-2"]
    sizes = [[int(seen(run).sum()) for run in fold.test_runs(runs)] for fold in folds]
    assert np.sum(sizes, axis=0).tolist() == [120, 301]
    assert max(b - a for a, b in zip(*np.sort(np.array(sizes).T), strict=True)) > 40


def test_weights_and_everything_but_the_responses_stay():
    run = make_run(2.0 * np.arange(120))
    stream = replace(run.responses["V1"], weights=np.linspace(0.5, 1.5, 120))
    confounds = Stream(np.ones((120, 1)), stream.times)
    run = replace(run, responses={"V1": stream}, confounds=confounds)
    for (train,), (test,) in block_folds([run]):
        for part in (train, test):
            assert part.confounds is confounds and part.duration == run.duration
            np.testing.assert_array_equal(part.responses["V1"].weights, stream.weights)


@pytest.mark.parametrize(
    ("n", "n_blocks", "guard", "match"),
    [
        (35, 4, 8.0, "35 measured volumes are too few .*: 3 blocks fit"),
        (39, 4, 0.0, "3 blocks fit"),
        (30, 2, 32.0, r"no number of blocks fits.*2 blocks fit without a guard \(guard=0\)"),
        (15, 4, 0.0, r"no number of blocks fits; or fit in sample \(cv='none'\)"),
        (50, 4, 32.0, r"5 blocks fit \(n_blocks=5\); 4 blocks fit without a guard"),
        (31, 4, 32.0, "no number of blocks fits, a shorter guard may"),
        (60, 2, 32.0, None),
    ],
)
def test_runs_too_short_say_how_many_blocks_fit(n, n_blocks, guard, match):
    run = make_run(2.0 * np.arange(n))
    if match is None:
        assert len(BlockFolds(n_blocks, guard).folds([run])) == n_blocks
        return
    with pytest.raises(DataError, match=match) as error:
        BlockFolds(n_blocks, guard).folds([run])
    assert error.match(f"run-1: {n} measured volumes")


@pytest.mark.parametrize(("n_blocks", "guard"), [(1, 0.0), (4, -1.0), (4, np.nan)])
def test_what_is_no_cut_is_refused(n_blocks, guard):
    with pytest.raises(UsageError, match=r"n_blocks must be an integer, 2|guard must be .* 0 or"):
        BlockFolds(n_blocks, guard).folds([make_run(2.0 * np.arange(120))])
