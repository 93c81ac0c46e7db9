from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drmbids.data.runs.align import StimulusTicks, align
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError


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
    assert aligned.only.response is not None
    np.testing.assert_array_equal(aligned.only.response[:, 0], run.responses["MT"].values[:, 0])
    assert np.isnan(aligned.only.response).sum() == 1 and np.isnan(aligned.only.response[4, 2])
    np.testing.assert_array_equal(aligned.only.times, 2.0 * np.arange(10))
    np.testing.assert_allclose(aligned.only.confounds.mean(), 0, atol=1e-9)
    assert aligned.only.nuisance.shape == (10, 3)


@pytest.mark.parametrize("factor", [2, 5])
def test_resolution_changes_ticks_and_not_the_stimulus(run: Run, factor: int) -> None:
    stimuli = {"events": ["face", "house"]}
    coarse = align(run, 1.0, stimuli, ["V1"], Nuisance())
    fine = align(run, 1.0 / factor, stimuli, ["V1"], Nuisance())
    merged = fine.stimuli[0].reshape(20, factor, 2).mean(axis=1)
    np.testing.assert_allclose(merged, coarse.stimuli[0], atol=1e-9)
    np.testing.assert_array_equal(fine.only.times, coarse.only.times)


def test_without_responses(run: Run) -> None:
    aligned = align(run.without_responses(), 0.5, {}, ["V1", "MT"], Nuisance())
    assert aligned.only.response is None
    np.testing.assert_array_equal(aligned.only.times, 2.0 * np.arange(10))


def test_half_of_the_responses_is_an_error(run: Run) -> None:
    with pytest.raises(DataError, match=r"no response \['IT'\]; it has \['V1', 'MT'\]"):
        align(run, 0.5, {}, ["V1", "IT"], Nuisance())


def test_a_gap_in_a_stimulus_is_named(run: Run) -> None:
    level = np.ones((20, 1))
    level[7] = np.nan
    named = replace(
        run,
        stimuli={"sound": Stream(level, np.arange(20.0), ["level"])},
        entities={"subject": "01", "task": "x"},
    )
    place = r"sub-01_task-x: stimulus 'sound': column 'level' at 7 s is nan; fill the gap"
    with pytest.raises(DataError, match=place):
        align(named, 0.5, {"sound": ["level"]}, [], Nuisance())


def test_a_stimulus_in_a_file_is_read_when_its_ticks_are(run: Run, tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((20, 3))
    np.save(tmp_path / "values.npy", values)
    aligned = []
    for sound in (values, np.load(tmp_path / "values.npy", mmap_mode="r")):
        shown = {**run.stimuli, "sound": Stream(sound, 1.1 * np.arange(20.0), "abc")}
        for columns in ("abc", "cxa"):
            names = {"sound": columns, "events": ["face"]}
            aligned.append(align(replace(run, stimuli=shown), 0.3, names, ["V1"], Nuisance()))
    for held, streamed in zip(aligned[:2], aligned[2:], strict=True):
        sound, events = streamed.stimuli
        assert isinstance(sound, StimulusTicks) and isinstance(events, np.ndarray)
        assert sound.shape == (67, 3) == held.stimuli[0].shape
        for ticks in (slice(None), slice(0, 10), slice(10, 64), slice(64, 67), slice(5, 5)):
            np.testing.assert_allclose(sound[ticks], held.stimuli[0][ticks], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(events, held.stimuli[1])
