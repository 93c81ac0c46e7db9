import pickle

import numpy as np
import pytest

from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError


@pytest.fixture
def run() -> Run:
    times = 2.0 * np.arange(10)
    return Run(
        {"V1": Stream(np.ones((10, 2)), times), "MT": Stream(np.zeros((10, 1)), times)},
        {"events": Events([2.0], [2.0], ["face"])},
        confounds=Stream(np.ones((10, 1)), times, ["trans_x"]),
        tr=2.0,
        entities={"subject": "01", "session": "a", "task": "x", "acquisition": "q", "run": "02"},
        space=VoxelSpace((2, 2, 2), np.eye(4), {"V1": np.array([[0, 0, 0], [1, 1, 1]])}),
        sources=["bold.nii"],
    )


def test_duration_is_last_time_plus_tr(run: Run) -> None:
    assert run.duration == 20.0
    with pytest.raises(DataError, match="give `duration`"):
        Run({})
    with pytest.raises(DataError, match="give `duration`"):
        Run({"V1": Stream([[1.0]], [0.0])})


def test_label(run: Run) -> None:
    assert run.label == "sub-01_ses-a_task-x_acq-q_run-02"
    assert Run({}, duration=1.0).label == "run"


def test_pickling_keeps_everything(run: Run) -> None:
    again = pickle.loads(pickle.dumps(run))
    assert (again.label, again.duration, again.tr) == (run.label, run.duration, run.tr)
    assert again.sources == run.sources and dict(again.entities) == dict(run.entities)
    for name, stream in run.responses.items():
        np.testing.assert_array_equal(again.responses[name].values, stream.values)
    assert again.stimuli["events"].columns == ("face",)
    with pytest.raises(TypeError):
        again.responses["V1"] = None


def test_a_run_cannot_be_changed(run: Run) -> None:
    with pytest.raises(TypeError):
        run.stimuli["events"] = None
    with pytest.raises(AttributeError):
        run.tr = 3.0


def test_measured_times(run: Run) -> None:
    np.testing.assert_array_equal(run.measured_times(), 2.0 * np.arange(10))
    blind = run.without_responses()
    assert not blind.responses and blind.duration == 20.0
    np.testing.assert_array_equal(blind.measured_times(), 2.0 * np.arange(10))
    with pytest.raises(DataError, match="no responses and no TR"):
        Run({}, duration=4.0).measured_times()


def test_responses_measured_at_different_times() -> None:
    run = Run(
        {"a": Stream([[1.0], [1.0]], [0.0, 1.0]), "b": Stream([[1.0], [1.0]], [0.5, 1.5])}, tr=1.0
    )
    assert run.duration == 2.5
    np.testing.assert_array_equal(run.measured_times(["b"]), [0.5, 1.5])
    with pytest.raises(DataError, match="different times"):
        run.measured_times()


def test_values_go_back_to_their_voxels() -> None:
    rng = np.random.default_rng(0)
    shape = (3, 4, 2)
    voxels = np.argwhere(rng.random(shape) < 0.5)
    space = VoxelSpace(shape, np.eye(4), {"a": voxels[::2], "b": voxels[1::2]})
    data = rng.standard_normal((*shape, 5))
    values = {n: data[tuple(v.T)].T for n, v in space.voxels.items()}
    back = space.volume(values)
    inside = np.zeros(shape, bool)
    inside[tuple(voxels.T)] = True
    np.testing.assert_array_equal(back[inside], data[inside])
    assert np.isnan(back[~inside]).all()
    one = space.volume({n: v[0] for n, v in values.items()}, fill=0.0)
    assert one.shape == shape and not one[~inside].any()
