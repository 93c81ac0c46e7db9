"""DRMIterator: windows of plain arrays and of runs, in order, with what is absent marked."""

from typing import Any

import numpy as np
import pytest
import torch

from drmbids.data.iterators.device import check_device
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DeviceError, UsageError

RESOLUTION, N_TICKS = 0.5, 40
STARTS = RESOLUTION * np.arange(N_TICKS)
MAKE = np.random.default_rng(0)
STIMULUS = MAKE.standard_normal((N_TICKS, 2))
# A sample holds from its time to the next: at samples as long as a tick each tick has its own.
SHOWN = STIMULUS
TIMES = 2.0 * np.arange(10)
RESPONSE = MAKE.standard_normal((10, 3))
CONFOUNDS = MAKE.standard_normal((10, 1))


def iterator(**changes: Any) -> DRMIterator:
    options: dict[str, Any] = {
        "stimulus": STIMULUS, "stim_time": STARTS, "response": RESPONSE, "resp_time": TIMES,
    }  # fmt: skip
    return DRMIterator(RESOLUTION, **{**options, **changes})


def joined(items: list[dict], name: str) -> np.ndarray:
    """Return a series put together from the windows of one batch."""
    parts = [i[name][0] if name == "stimulus" else i[name] for i in items]
    return torch.cat(parts)[:, 0].numpy()


def test_one_item_for_a_whole_series() -> None:
    (item,) = list(iterator(confounds=CONFOUNDS))
    assert item["stimulus"][0].shape == (N_TICKS, 1, 2)
    assert item["first"] and item["last"] and item["runs"] == (0,) and item["group"] == 0
    np.testing.assert_allclose(joined([item], "stimulus"), SHOWN, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(joined([item], "response"), RESPONSE, rtol=1e-6)
    np.testing.assert_allclose(item["times"], TIMES)
    np.testing.assert_allclose(
        joined([item], "confounds"), CONFOUNDS - CONFOUNDS.mean(0), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("window", [1, 3, 4, 17, 40, 100])
def test_windows_are_the_series_cut_up(window: int) -> None:
    data = iterator(window=window)
    items = list(data)
    assert len(items) == len(data) == -(-N_TICKS // window)
    np.testing.assert_allclose(joined(items, "stimulus"), SHOWN, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(joined(items, "response"), RESPONSE, rtol=1e-6)
    start, seen = 0.0, []
    for item in items:
        length = item["stimulus"][0].shape[0] * RESOLUTION
        assert ((item["times"] >= -1e-9) & (item["times"] < length)).all()
        seen += (item["times"] + start).tolist()
        start += length
    np.testing.assert_allclose(seen, TIMES)
    assert [i["first"] for i in items] == [True] + [False] * (len(items) - 1)
    assert [i["last"] for i in items] == [False] * (len(items) - 1) + [True]


def test_documented_stream_step_by_step() -> None:
    data, ticks = iterator(window=1), []
    while not data.is_final():
        ticks.append(data.next())
    assert len(ticks) == N_TICKS
    assert all(i["stimulus"][0].shape == (1, 1, 2) for i in ticks)
    assert [len(i["times"]) for i in ticks] == [1, 0, 0, 0] * 10
    with pytest.raises(StopIteration):
        data.next()
    iter(data)
    assert not data.is_final()
    assert torch.equal(next(data)["stimulus"][0], ticks[0]["stimulus"][0])


def test_n_batches_stops_early() -> None:
    data = iterator(window=4, n_batches=3)
    assert len(data) == len(list(data)) == 3
    assert len(list(data)) == 3
    assert len(iterator(n_batches=7)) == 1


def test_pieces_side_by_side() -> None:
    (item,) = list(iterator(batch_size=2))
    assert item["stimulus"][0].shape == (20, 2, 2) and item["response"].shape == (5, 2, 3)
    assert item["runs"] == (0, 1)
    np.testing.assert_allclose(item["response"][:, 1], RESPONSE[5:], rtol=1e-6)
    np.testing.assert_allclose(item["stimulus"][0][:, 1], SHOWN[20:], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(item["times"], TIMES[:5], atol=1e-9)


@pytest.mark.parametrize("resolution", [0.1, 0.3, 0.7])
def test_pieces_share_a_batch_whatever_the_rounding_of_times(resolution: float) -> None:
    n, pieces = 210, 7
    times = np.arange(n // 3) * 3 * resolution
    data = DRMIterator(
        resolution, np.ones((n, 1)), np.arange(n) * resolution, np.zeros((len(times), 1)), times,
        batch_size=pieces,
    )  # fmt: skip
    (item,) = list(data)
    assert item["stimulus"][0].shape == (n // pieces, pieces, 1)
    assert item["response"].shape == (10, pieces, 1)


@pytest.mark.parametrize(
    ("resolution", "shown"),
    [(0.5, [0, 0, 1, 1, 2, 2, 3, 3]), (0.4, [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]), (2.0, [1, 3])],
)
def test_a_sample_holds_until_the_next(resolution: float, shown: list[float]) -> None:
    """Also the first and the last, whatever the ratio of samples to ticks."""
    (item,) = list(DRMIterator(resolution, np.arange(4.0), np.arange(4.0), hold=True))
    assert item["stimulus"][0].flatten().tolist() == shown


@pytest.mark.parametrize(
    ("resolution", "starts", "shown"),
    [
        (1.0, [0.0, 2.0, 5.0], [1, 0, 2, 0, 0, 3]),
        (0.5, [1.1, 1.9, 2.2], [0, 0, 1, 2, 3]),  # each in the tick it begins in
        (0.1, [0.3, 0.7], [0, 0, 0, 1, 0, 0, 0, 2]),  # 0.3 / 0.1 is a little less than 3
        (2.0, [0.0, 1.0, 4.0], [1.5, 0, 3]),  # the mean of two within a tick
    ],
)
def test_a_tick_without_a_sample_has_no_stimulus(
    resolution: float, starts: list[float], shown: list[float]
) -> None:
    """Absent stimulus is zero, as the framework says, unless samples are asked to hold."""
    values = 1.0 + np.arange(len(starts))
    (item,) = list(DRMIterator(resolution, values, np.array(starts)))
    assert item["stimulus"][0].flatten().tolist() == shown


def test_sparse_samples_in_pieces_side_by_side() -> None:
    values, starts = np.arange(1.0, 5.0), np.array([0.5, 3.0, 10.5, 19.5])
    whole, pieces = (
        next(DRMIterator(RESOLUTION, values, starts, batch_size=n))["stimulus"][0] for n in (1, 4)
    )
    assert pieces.shape == (10, 4, 1)
    torch.testing.assert_close(pieces[..., 0].T.flatten(), whole.flatten())


def test_silence_outside_the_samples() -> None:
    (item,) = list(DRMIterator(RESOLUTION, np.ones(9), STARTS[2:11], batch_size=4))
    shown = item["stimulus"][0][..., 0].T.flatten()
    assert shown.tolist() == [0.0] * 2 + [1.0] * 9 + [0.0]


def test_a_piece_without_measurements() -> None:
    response, times = RESPONSE[:5], TIMES[:5]  # nothing in the second half
    (item,) = list(iterator(response=response, resp_time=times, batch_size=2))
    assert not item["response"][:, 0].isnan().any() and item["response"][:, 1].isnan().all()


def test_what_is_absent() -> None:
    (item,) = list(iterator(response=None, resp_time=None))
    assert item["response"].shape == (N_TICKS, 1, 0)
    np.testing.assert_allclose(item["times"], RESOLUTION * np.arange(N_TICKS))
    (item,) = list(iterator(response=None))
    assert item["response"].shape == (10, 1, 1) and item["response"].isnan().all()
    late = np.concatenate([TIMES, [25.0]])
    (item,) = list(iterator(response=np.ones((11, 3)), resp_time=late))
    shown = item["stimulus"][0]
    assert shown.shape[0] * RESOLUTION > 25.0
    assert not shown[N_TICKS:].any() and shown[:N_TICKS].any()
    holes = RESPONSE.copy()
    holes[3, 1] = np.nan
    (item,) = list(iterator(response=holes))
    np.testing.assert_array_equal(item["response"][:, 0].isnan(), np.isnan(holes))


def test_a_series_of_one_column() -> None:
    (item,) = list(iterator(stimulus=STIMULUS[:, 0], response=RESPONSE[:, 0]))
    assert item["stimulus"][0].shape == (N_TICKS, 1, 1) and item["response"].shape == (10, 1, 1)


def run_of(**changes: Any) -> Run:
    options: dict[str, Any] = {
        "responses": {"response": Stream(RESPONSE, TIMES)},
        "stimuli": {"stimulus": Stream(STIMULUS, STARTS + RESOLUTION / 2)},
        "duration": 20.0,
    }
    return Run(**{**options, **changes})


@pytest.mark.parametrize("window", [None, 7])
def test_plain_arrays_equal_a_run(window: int | None) -> None:
    plain = list(iterator(window=window))
    constant = Nuisance("none", confounds=False)
    runs = DRMIterator.from_runs([run_of()], RESOLUTION, nuisance=constant, window=window)
    for one, other in zip(plain, runs, strict=True):
        for name in ("times", "response", "confounds"):
            torch.testing.assert_close(one[name], other[name])
        torch.testing.assert_close(one["stimulus"], other["stimulus"])
        torch.testing.assert_close(one["nuisance"], other["nuisance"])
        assert [one[n] for n in ("first", "last", "runs")] == [
            other[n] for n in ("first", "last", "runs")
        ]


def test_runs_alike_share_a_batch_and_others_follow() -> None:
    short = run_of(responses={"response": Stream(RESPONSE[:6], TIMES[:6])}, duration=12.0)
    data = DRMIterator.from_runs([run_of(), short, run_of()], RESOLUTION, window=16)
    items = list(data)
    assert [(i["runs"], i["stimulus"][0].shape[0]) for i in items] == [
        ((0, 2), 16), ((0, 2), 16), ((0, 2), 8), ((1,), 16), ((1,), 8),
    ]  # fmt: skip
    assert [i["first"] for i in items] == [True, False, False, True, False]
    assert [i["last"] for i in items] == [False, False, True, False, True]


def test_stimuli_and_columns_in_the_order_of_the_model() -> None:
    events = Events([1.0, 4.0], [1.0, 1.0], ["face", "house"])
    run = run_of(stimuli={"events": events, "stimulus": Stream(STIMULUS, STARTS + RESOLUTION / 2)})
    data = DRMIterator.from_runs(
        [run, run_of(stimuli={})],
        RESOLUTION,
        stimuli={"stimulus": ["1"], "events": ["house", "tool", "face"], "tone": ["a"]},
    )
    (item,) = list(data)
    one, events_shown, tone = item["stimulus"]
    np.testing.assert_allclose(one[:, 0, 0], SHOWN[:, 1], rtol=1e-5, atol=1e-6)
    assert events_shown[8:10, 0, 0].all() and events_shown[2:4, 0, 2].all()
    assert events_shown.sum() == 4 and not tone.any()
    assert not one[:, 1].any()  # the other run has no stimulus


def test_a_run_without_responses_beside_one_with() -> None:
    data = DRMIterator.from_runs(
        [run_of(tr=2.0), run_of(responses={}, tr=2.0)], RESOLUTION, responses=["response"]
    )
    (item,) = list(data)
    assert not item["response"][:, 0].isnan().any() and item["response"][:, 1].isnan().all()


def test_nuisance_is_orthonormal_and_follows_the_windows() -> None:
    confounds = Stream(CONFOUNDS, TIMES)
    data = DRMIterator.from_runs([run_of(confounds=confounds)], RESOLUTION, window=11)
    basis = torch.cat([i["nuisance"][0] for i in data]).double()
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-6)
    centred = torch.as_tensor(CONFOUNDS - CONFOUNDS.mean(0))
    np.testing.assert_allclose(basis @ (basis.T @ centred), centred, atol=1e-6)


def test_runs_with_different_confounds_share_none() -> None:
    runs = [run_of(confounds=Stream(CONFOUNDS, TIMES)), run_of()]
    (item,) = list(DRMIterator.from_runs(runs, RESOLUTION))
    assert item["confounds"].shape == (10, 2, 0)
    assert item["confounds"].dtype == item["response"].dtype
    assert [b.shape[1] for b in item["nuisance"]] == [4, 3]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_every_tensor_is_on_the_device() -> None:
    runs = [run_of(confounds=Stream(CONFOUNDS, TIMES)), run_of()]
    (item,) = list(DRMIterator.from_runs(runs, RESOLUTION, device="cuda"))
    tensors = [*item["stimulus"], *item["nuisance"], *(v for v in item.values()
                                                      if isinstance(v, torch.Tensor))]  # fmt: skip
    # what is looked up by measured times must not wait for the device
    assert {t.device.type for t in tensors if t is not item["times"]} == {"cuda"}
    assert item["times"].device.type == "cpu"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 0}, "window must be 1 tick or more"),
        ({"resp_time": None}, "a response needs its times"),
    ],
)
def test_faulty_options(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        iterator(**changes)


def test_faulty_runs() -> None:
    with pytest.raises(UsageError, match="no runs"):
        DRMIterator.from_runs([], RESOLUTION)
    wide = run_of(responses={"response": Stream(np.ones((10, 4)), TIMES)})
    with pytest.raises(UsageError, match=r"different numbers of targets: \[3, 4\]"):
        DRMIterator.from_runs([run_of(), wide], RESOLUTION)


def test_devices() -> None:
    assert check_device("cpu") == check_device(torch.device("cpu"))
    for wrong in ("gpu", "meta", "mps", "cpu:x", 7.5):
        with pytest.raises(DeviceError):
            check_device(wrong)
    with pytest.raises(DeviceError, match=f"torch sees {torch.cuda.device_count()} CUDA"):
        check_device(f"cuda:{torch.cuda.device_count()}")
