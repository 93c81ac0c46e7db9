"""Heart and breath as confounds: against loops, published shapes, simulated and real recordings."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drmbids.data.physiology import peaks
from drmbids.data.physiology.peaks import breaths, heart_beats
from drmbids.data.physiology.regressors import physiological_confounds
from drmbids.data.physiology.responses import (
    breath_depth,
    cardiac_response,
    heart_rate,
    respiratory_response,
)
from drmbids.data.physiology.retroicor import cardiac_phase, respiratory_phase, retroicor
from drmbids.data.physiology.slices import without_retroicor
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError, UsageError

SHARED = Path(
    os.environ.get("DRMBIDS_SHARED_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")
)
RECORDED = SHARED / "physio_ds210" / "sub-01" / "func"
TR, N_VOLUMES, RATE = 2.0, 150, 50.0


def simulated(
    wobble: float = 0.05, duration: float = 310.0
) -> tuple[Stream, np.ndarray, np.ndarray]:
    """Return a recording from -5 s on, and the true phases of heart and breath at its samples."""
    make = np.random.default_rng(0)
    times = -5.0 + np.arange(0, duration, 1 / RATE)

    def wander(rate: float) -> np.ndarray:
        steps = make.standard_normal(len(times)).cumsum() / RATE**0.5
        slow = steps - np.convolve(steps, np.ones(2000) / 2000, "same")
        return np.cumsum(2 * np.pi * rate * (1 + wobble * slow / slow.std())) / RATE

    heart, chest = wander(1.1), wander(0.25)
    pulse = np.exp(3 * (np.cos(heart) - 1)) + 0.02 * make.standard_normal(len(times))
    breath = -np.cos(chest) + 0.01 * make.standard_normal(len(times))
    return Stream(np.stack([pulse, breath], 1), times, ["cardiac", "respiratory"]), heart, chest


def test_cardiac_phase_equals_a_loop() -> None:
    beats = np.array([0.3, 1.2, 2.0, 3.1])
    for time in (0.3, 0.9, 1.999, 2.5):
        k = max(i for i, beat in enumerate(beats) if beat <= time)
        wanted = 2 * np.pi * (time - beats[k]) / (beats[k + 1] - beats[k])
        assert cardiac_phase(beats, np.array([time]))[0] == pytest.approx(wanted)


def test_the_heart_goes_on_beyond_the_recording() -> None:
    beats = np.array([1.0, 2.0, 3.5])
    found = cardiac_phase(beats, np.array([0.25, 4.25, 5.0]))
    np.testing.assert_allclose(found / np.pi, [0.5, 1.0, 0.0], atol=1e-12)


def test_respiratory_phase_is_the_share_below_with_the_direction() -> None:
    recording, _, chest = simulated()
    at = recording.times[200:-200:37]
    found = respiratory_phase(recording, at)
    # of a sine that is full at pi, the share below is the phase itself; falling has a minus sign
    true = np.interp(at, recording.times, chest) % (2 * np.pi)
    true = np.where(true > np.pi, true - 2 * np.pi, true)
    assert np.median(np.abs(np.angle(np.exp(1j * (found - true))))) < 0.1


def test_columns_of_retroicor() -> None:
    heart, chest = np.array([0.1, 2.0]), np.array([-1.0, 3.0])
    found = retroicor(heart, chest)
    assert len(found) == 18
    np.testing.assert_allclose(found["cardiac_sin3"], np.sin(3 * heart))
    np.testing.assert_allclose(found["respiratory_cos4"], np.cos(4 * chest))
    np.testing.assert_allclose(found["product_cos1+1"], np.cos(heart + chest))
    np.testing.assert_allclose(found["product_sin1-1"], np.sin(heart - chest))


def test_responses_have_their_published_shape() -> None:
    lag = np.arange(0, 50, 0.01)
    heart, breath = cardiac_response(lag), respiratory_response(lag)
    # figure 3 of Chang et al. 2009: a peak at about 4 s and a dip at about 12 s
    assert lag[heart.argmax()] == pytest.approx(4.2, abs=0.5)
    assert lag[heart.argmin()] == pytest.approx(12.0, abs=0.5)
    # figure 5 of Birn et al. 2008: a peak at about 3 s and a dip at about 16 s
    assert lag[breath.argmax()] == pytest.approx(3.2, abs=0.5)
    assert lag[breath.argmin()] == pytest.approx(15.5, abs=1.0)


def test_rate_and_depth() -> None:
    grid = np.arange(0, 60, 0.1)
    assert heart_rate(np.arange(0, 61, 0.8), grid) == pytest.approx(75.0)
    t = np.arange(0, 60, 0.02)
    swing = np.where(t < 30, 1.0, 3.0) * np.sin(2 * np.pi * t / 3)
    depth = breath_depth(Stream(swing[:, None], t, ["respiratory"]), grid)
    assert depth[400:560].mean() / depth[40:250].mean() == pytest.approx(3.0, rel=0.02)


@pytest.mark.parametrize("truth", ["heart", "breath", "nothing"])
def test_simulated_noise_is_explained(truth: str) -> None:
    pytest.importorskip("neurokit2")
    recording, heart, chest = simulated()
    times = TR * np.arange(N_VOLUMES)
    make = np.random.default_rng(1)
    source = {"heart": heart, "breath": chest, "nothing": None}[truth]
    if source is None:
        noise = make.standard_normal(N_VOLUMES)
    else:
        phase = np.interp(times, recording.times, source)
        noise = np.cos(phase - 0.4) + 0.5 * np.sin(2 * phase)
    table = physiological_confounds([recording], times, ["retroicor"])
    design = np.column_stack([np.ones(N_VOLUMES), table])
    rest = noise - design @ np.linalg.lstsq(design, noise, rcond=None)[0]
    explained = 1 - rest.var() / noise.var()
    # 18 columns of 150 explain 18/149 of what has nothing to do with them
    assert explained < 0.25 if truth == "nothing" else explained > 0.9


def test_real_recording() -> None:
    pytest.importorskip("neurokit2")
    path = RECORDED / "sub-01_task-cuedSGT_run-01_physio.tsv.gz"
    if not path.exists():
        pytest.skip(f"measured data sets not found in {SHARED}; set DRMBIDS_SHARED_DATA")
    values = pd.read_csv(path, sep="\t", header=None).to_numpy(float)
    recording = Stream(values, np.arange(len(values)) / 50, ["cardiac", "respiratory"])
    beats = heart_beats(recording)
    assert len(beats) == pytest.approx(573, abs=3)
    assert 60 / np.median(np.diff(beats)) == pytest.approx(66, abs=1.5)
    assert len(breaths(recording)) == pytest.approx(160, abs=3)
    table = physiological_confounds([recording], 3.0 * np.arange(170))
    assert table.shape == (170, 20)
    assert np.isfinite(table.to_numpy()).all()
    assert np.linalg.matrix_rank(table.to_numpy()) == 20


def test_what_was_not_recorded_is_left_out() -> None:
    recording, *_ = simulated()
    breath = Stream(recording.values[:, 1:], recording.times, ["respiratory"])
    found = physiological_confounds([breath], TR * np.arange(20))
    assert list(found)[:2] == ["respiratory_cos1", "respiratory_sin1"]
    assert list(found)[-1] == "rv_rrf"
    assert len(found.columns) == 9


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    recording, *_ = simulated()
    times = TR * np.arange(20)
    with pytest.raises(UsageError, match="unknown physiological confounds \\['rvt'\\]"):
        physiological_confounds([recording], times, ["rvt"])  # type: ignore[list-item]
    with pytest.raises(DataError, match=r"from -5 to 304\.98 s, the volumes from 0 to 398"):
        physiological_confounds([recording], TR * np.arange(200))
    other = Stream(recording.values, recording.times, ["trigger", "scr"])
    with pytest.raises(DataError, match="nothing recorded for retroicor, hr, rv"):
        physiological_confounds([other], times)
    with pytest.raises(UsageError, match="choose ppg or ecg"):
        heart_beats(recording, kind="eeg")

    def absent(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(peaks, "import_module", absent)
    with pytest.raises(UsageError, match=r"pip install 'drmbids\[physio\]'"):
        physiological_confounds([recording], times)


def test_a_flat_trace_has_no_beats() -> None:
    pytest.importorskip("neurokit2")
    recording, *_ = simulated()
    flat = Stream(np.zeros((len(recording.times), 1)), recording.times, ["cardiac"])
    with pytest.raises(DataError, match="heart beats found in 'cardiac'"):
        heart_beats(flat)


def test_gaps_are_refused() -> None:
    recording, *_ = simulated()
    values = recording.values.copy()
    values[500:520, 1] = np.nan
    broken = Stream(values, recording.times, recording.columns)
    with pytest.raises(DataError, match="20 of 15500 samples of 'respiratory' are missing"):
        physiological_confounds([broken], TR * np.arange(20), ["rv"])


def test_traces_recorded_apart_equal_traces_recorded_together() -> None:
    pytest.importorskip("neurokit2")
    both, *_ = simulated()
    apart = [Stream(both.values[:, k : k + 1], both.times, [both.columns[k]]) for k in (1, 0)]
    times = TR * np.arange(40)
    pd.testing.assert_frame_equal(
        physiological_confounds(apart, times), physiological_confounds([both], times)
    )


def test_slices_are_cleaned_at_their_own_times() -> None:
    pytest.importorskip("neurokit2")
    # at a steady pace a slice's weights would make up for its time, as a shift of the phase
    recording, heart, _ = simulated(wobble=0.2)
    slice_times = np.array([0.0, 0.5, 1.0, 1.5])
    times, make = TR * np.arange(N_VOLUMES), np.random.default_rng(2)
    own = make.standard_normal((N_VOLUMES, 4))
    beat = np.cos(np.interp(times[:, None] + slice_times, recording.times, heart))
    series = 100 + own + 3 * beat
    series[:5] = np.nan
    cleaned = without_retroicor(series, np.arange(4), slice_times, times, [recording])
    at_once = without_retroicor(series, np.arange(4), slice_times[::-1], times, [recording])
    assert np.isnan(cleaned[:5]).all()
    left, kept = (np.nanvar(x, axis=0).mean() for x in (cleaned, at_once))
    assert left < 1.2
    assert kept > 2.0
    np.testing.assert_allclose(np.nanmean(cleaned, axis=0), np.nanmean(series, axis=0), atol=1e-9)


def test_a_heart_that_beats_in_time_with_volumes_takes_nothing_of_mean_and_drift() -> None:
    pytest.importorskip("neurokit2")
    # 60 beats a minute and a volume each 2 s: every cardiac term is the same in all volumes
    t = np.arange(0.0, TR * N_VOLUMES + 1, 0.02)
    beats = np.exp(-((t[:, None] - np.arange(0.5, t[-1])) ** 2).min(1) / (2 * 0.03**2))
    recording, times = Stream(beats[:, None], t, ["cardiac"]), 2.0 * np.arange(N_VOLUMES * TR // 2)
    drift = 100 + 3 * (times / times[-1]) ** 2
    series = np.column_stack([drift, drift + np.random.default_rng(0).standard_normal(len(times))])
    cleaned = without_retroicor(series, np.arange(2), np.array([0.1, 0.3]), times, [recording])
    np.testing.assert_allclose(cleaned[:, 0], drift, atol=1e-6)
    np.testing.assert_allclose(cleaned.mean(0), series.mean(0), rtol=1e-12)
