import numpy as np
import pytest

from drmbids.core.align import align
from drmbids.core.exceptions import DataError
from drmbids.core.nuisance import Nuisance
from drmbids.core.run import Run
from drmbids.core.stream import Events, Stream


@pytest.fixture
def run() -> Run:
    times = 2.0 * np.arange(10)
    values = np.arange(30.0).reshape(10, 3)
    values[4, 1] = np.nan
    return Run(
        {"V1": Stream(values[:, :2], times), "MT": Stream(values[:, 2:], times)},
        {
            "events": Events([4.0], [2.0], ["face"], columns=["face", "house"]),
            "sound": Stream(np.ones((20, 1)), np.arange(20.0), ["level"]),
        },
        confounds=Stream(times[:, None] ** 3, times),
        tr=2.0,
    )


def test_everything_meets_the_grid(run: Run) -> None:
    stimuli = {"sound": ["level"], "events": ["house", "face", "tool"], "image": ["a", "b"]}
    aligned = align(run, 0.5, stimuli, ["MT", "V1"], Nuisance(order=1))
    assert (aligned.grid.n_ticks, aligned.grid.resolution) == (40, 0.5)
    sound, events, image = aligned.stimuli
    assert sound.shape == (40, 1) and image.shape == (40, 2) and not image.any()
    np.testing.assert_array_equal(np.flatnonzero(events[:, 1]), [8, 9, 10, 11])
    assert not events[:, [0, 2]].any()
    assert aligned.response is not None
    np.testing.assert_array_equal(aligned.response[:, 0], run.responses["MT"].values[:, 0])
    assert np.isnan(aligned.response).sum() == 1 and np.isnan(aligned.response[4, 2])
    np.testing.assert_array_equal(aligned.times, 2.0 * np.arange(10))
    np.testing.assert_allclose(aligned.confounds.mean(), 0, atol=1e-9)
    assert aligned.nuisance.shape == (10, 3)


@pytest.mark.parametrize("factor", [2, 5])
def test_resolution_changes_ticks_and_not_the_stimulus(run: Run, factor: int) -> None:
    stimuli = {"events": ["face", "house"]}
    coarse = align(run, 1.0, stimuli, ["V1"], Nuisance())
    fine = align(run, 1.0 / factor, stimuli, ["V1"], Nuisance())
    merged = fine.stimuli[0].reshape(20, factor, 2).mean(axis=1)
    np.testing.assert_allclose(merged, coarse.stimuli[0], atol=1e-9)
    np.testing.assert_array_equal(fine.times, coarse.times)


def test_without_responses(run: Run) -> None:
    aligned = align(run.without_responses(), 0.5, {}, ["V1", "MT"], Nuisance())
    assert aligned.response is None
    np.testing.assert_array_equal(aligned.times, 2.0 * np.arange(10))


def test_half_of_the_responses_is_an_error(run: Run) -> None:
    with pytest.raises(DataError, match=r"no response \['IT'\]; it has \['V1', 'MT'\]"):
        align(run, 0.5, {}, ["V1", "IT"], Nuisance())
