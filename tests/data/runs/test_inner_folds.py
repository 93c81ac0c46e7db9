"""Inner folds leave parts of training data out, none of which is trained on."""

import numpy as np
import pytest

from drmbids import Run, Stream
from drmbids.data.runs.inner_folds import GUARD, inner_folds

pytestmark = pytest.mark.whole_fit


def a_run(n: int, tr: float = 2.0, start: float = 0.0) -> Run:
    return Run({"V1": Stream(np.ones((n, 1)), start + tr * np.arange(n))}, tr=tr)


def times_there(run: Run) -> np.ndarray:
    series = run.responses["V1"]
    return series.times[np.isfinite(series.values[:, 0])]


@pytest.mark.parametrize(("n", "tr", "start"), [(80, 0.8, 0.0), (101, 2.5, 1.25), (300, 3.0, -2.0)])
def test_each_volume_of_a_single_run_is_left_out_once_with_its_neighbours(
    n: int, tr: float, start: float
) -> None:
    run = a_run(n, tr, start)
    tested = []
    for fold in inner_folds([run]):
        (train,), (test,) = fold.training_runs([run]), fold.test_runs([run])
        apart = np.abs(times_there(train)[:, None] - times_there(test))
        assert apart.min(initial=np.inf) >= GUARD
        tested.extend(times_there(test))
        assert fold.tested_runs([run])[0].trained is not None
    assert np.array_equal(np.sort(tested), run.responses["V1"].times)


def test_several_runs_are_left_out_whole_and_keep_their_lengths() -> None:
    runs = [a_run(20 + k) for k in range(5)]
    folds = inner_folds(runs)
    assert sorted(k for fold in folds for k in fold.test) == list(range(5))
    for fold in folds:
        train = fold.training_runs(runs)
        assert [len(run.responses["V1"].times) for run in train] == [20, 21, 22, 23, 24]
        empty = {k for k, run in enumerate(train) if not len(times_there(run))}
        assert empty == set(fold.test)
        assert all(tested.trained is None for tested in fold.tested_runs(runs))


def test_a_run_of_few_volumes_is_not_cut() -> None:
    assert inner_folds([a_run(39)]) == []


def test_a_run_that_guards_would_swallow_is_not_cut() -> None:
    assert inner_folds([a_run(100, 0.3)]) == []
    assert len(inner_folds([a_run(100, 0.8)])) == 4
