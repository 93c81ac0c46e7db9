"""Stimuli that stay on disk: the same items, in the memory of a few windows."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from threading import current_thread, main_thread

import numpy as np
import pytest
import torch

from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.iterators.streamed import one_ahead, to_device
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError

RESOLUTION = 0.5
NOTHING = Nuisance("none", confounds=False)


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def runs_of(folder: Path, in_file: bool, n_columns: int = 3) -> list[Run]:
    """Return runs of two lengths, image features beside events, in memory or in files."""
    runs, make = [], np.random.default_rng(0)
    for k, n_volumes in enumerate((20, 14, 20)):
        values = make.standard_normal((n_volumes * 3, n_columns)).astype(np.float32)
        path = folder / f"features-{k}.npy"
        np.save(path, values)
        shown = np.load(path, mmap_mode="r") if in_file else values
        bold = Stream(make.standard_normal((n_volumes, 2)), 2.0 * np.arange(n_volumes))
        runs.append(
            Run(
                {"V1": bold},
                {
                    "image": Stream(shown, 0.7 * np.arange(len(values))),
                    "events": Events([1.0, 6.0], [2.0, 1.0], ["a", "b"]),
                },
                tr=2.0,
            )
        )
    return runs


def same(one: DRMIterator, other: DRMIterator) -> None:
    items, others = list(one), list(other)
    assert len(items) == len(others) == len(one) == len(other) > 0
    for item, wanted in zip(items, others, strict=True):
        assert item.keys() == wanted.keys()
        torch.testing.assert_close(item, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("window", [None, 1, 7, 40, 100])
def test_streamed_runs_give_the_items_of_runs_in_memory(tmp_path: Path, window: int | None) -> None:
    held = DRMIterator.from_runs(runs_of(tmp_path, False), RESOLUTION, window=window)
    streamed = DRMIterator.from_runs(runs_of(tmp_path, True), RESOLUTION, window=window)
    same(streamed, held)
    same(streamed, held)  # a second pass reads again
    mixed = [*runs_of(tmp_path, True)[:2], runs_of(tmp_path, False)[2]]
    same(DRMIterator.from_runs(mixed, RESOLUTION, window=window), held)


def test_columns_of_a_streamed_stimulus(tmp_path: Path) -> None:
    options = {"stimuli": {"image": ["2", "none", "0"], "events": ["b"]}, "window": 9}
    held = DRMIterator.from_runs(runs_of(tmp_path, False), RESOLUTION, **options)
    same(DRMIterator.from_runs(runs_of(tmp_path, True), RESOLUTION, **options), held)


def test_a_stimulus_larger_than_the_memory_it_is_given(tmp_path: Path) -> None:
    """Video features of 32 MB pass through a training set's worth of windows in 2 MB."""
    n_samples, n_columns, limit = 4000, 2000, 2_000_000
    path = tmp_path / "video.npy"
    video = np.lib.format.open_memmap(path, "w+", np.float32, (n_samples, n_columns))
    video[:] = np.arange(n_samples, dtype=np.float32)[:, None]
    video.flush()
    del video
    bold = Stream(np.zeros((1000, 1)), 2.0 * np.arange(1000))
    columns = [str(k) for k in range(n_columns)]
    torch.set_default_dtype(torch.float32)
    tracemalloc.start()
    try:
        shown = Stream(np.load(path, mmap_mode="r"), RESOLUTION * np.arange(4000) + 0.25, columns)
        run = Run({"V1": bold}, {"video": shown}, tr=2.0)
        data = DRMIterator.from_runs([run], RESOLUTION, nuisance=NOTHING, window=20)
        tick = 0
        for item in data:
            (x,) = item["stimulus"]
            assert x.shape == (20, 1, n_columns)
            assert torch.equal(x[:, 0, 7], torch.arange(tick, tick + 20.0))
            tick += 20
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert tick == n_samples
    assert path.stat().st_size > 16 * limit > 16 * peak


def test_a_gap_in_a_file_is_named_when_it_is_read(tmp_path: Path) -> None:
    values = np.ones((40, 2))
    values[30, 1] = np.nan
    np.save(tmp_path / "values.npy", values)
    shown = Stream(np.load(tmp_path / "values.npy", mmap_mode="r"), np.arange(40.0), ["a", "b"])
    run = Run({}, {"image": shown}, duration=40.0, tr=2.0, entities={"subject": "07"})
    data = DRMIterator.from_runs([run], RESOLUTION, nuisance=NOTHING, window=10)
    place = "sub-07: stimulus 'image': column 'b' at 30 s is nan"
    with pytest.raises(DataError, match=place):
        list(data)


def in_order(data: DRMIterator) -> dict[tuple[int, int], dict]:
    """Return items by batch and number in it."""
    found: dict[tuple[int, int], dict] = {}
    for item in data:
        number = sum(group == item["group"] for group, _ in found)
        found[item["group"], number] = item
    return found


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_shares_of_workers_are_the_items_dealt_out(tmp_path: Path, n_workers: int) -> None:
    data = DRMIterator.from_runs(runs_of(tmp_path, True), RESOLUTION, window=17)
    whole = in_order(data)
    seen: list[int] = []
    for worker in range(n_workers):
        share = data.share(worker, n_workers)
        items = list(share)
        assert len(items) == len(share) > 0 and share.n_runs == 3
        seen += sorted({run for item in items for run in item["runs"]})
        for place, item in in_order(share).items():
            wanted = whole[place]
            at = [wanted["runs"].index(run) for run in item["runs"]]
            assert torch.equal(item["times"], wanted["times"])
            for name in ("response", "confounds"):
                torch.testing.assert_close(item[name], wanted[name][:, at], equal_nan=True)
            for x, y in zip(item["stimulus"], wanted["stimulus"], strict=True):
                assert torch.equal(x, y[:, at])
            assert all(
                torch.equal(basis, wanted["nuisance"][k])
                for basis, k in zip(item["nuisance"], at, strict=True)
            )
    assert sorted(seen) == [0, 1, 2]


def test_more_workers_than_runs(tmp_path: Path) -> None:
    data = DRMIterator.from_runs(runs_of(tmp_path, True), RESOLUTION)
    assert len(data.share(2, 4)) == 1
    assert list(data.share(3, 4)) == []


def test_shares_stop_where_the_whole_stops() -> None:
    """With ``n_batches`` workers see no window that one worker alone would not."""
    make, time = np.random.default_rng(0), 0.5 * np.arange(160)
    measured = np.concatenate([2.0 * np.arange(10), 41.0 + 2.0 * np.arange(10)])
    options = {"response": make.standard_normal((20, 1)), "resp_time": measured, "batch_size": 2}
    data = DRMIterator(0.5, make.standard_normal(160), time, **options, window=40, n_batches=3)
    assert [item["runs"] for item in data] == [(0,), (0,), (1,)]
    assert [[i["runs"] for i in data.share(k, 2)] for k in (0, 1)] == [[(0,), (0,)], [(1,)]]


def test_things_are_made_one_ahead_in_another_thread() -> None:
    made: list[int] = []

    def making() -> Iterator[int]:
        for k in range(4):
            assert current_thread() is not main_thread()
            made.append(k)
            yield k

    used = []
    for k in one_ahead(making()):
        used.append(k)
        assert len(made) <= k + 2  # no further ahead than one
    assert used == made == [0, 1, 2, 3]
    assert list(one_ahead(iter([]))) == []


def test_an_error_in_the_making_comes_where_the_thing_would_have() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise DataError("unreadable")

    coming = one_ahead(failing())
    assert next(coming) == 1
    with pytest.raises(DataError, match="unreadable"):
        next(coming)


def test_a_pass_that_is_given_up_leaves_no_thread() -> None:
    coming = one_ahead(iter(range(100)))
    assert next(coming) == 0
    coming.close()
    assert list(one_ahead(iter(range(3)))) == [0, 1, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("window", [None, 7])
def test_windows_reach_the_gpu_unchanged(tmp_path: Path, window: int | None) -> None:
    held = list(DRMIterator.from_runs(runs_of(tmp_path, False), RESOLUTION, window=window))
    data = DRMIterator.from_runs(runs_of(tmp_path, True), RESOLUTION, window=window, device="cuda")
    for item, wanted in zip(data, held, strict=True):
        assert all(x.is_cuda for x in item["stimulus"])
        for x, y in zip(item["stimulus"], wanted["stimulus"], strict=True):
            assert torch.equal(x.cpu(), y)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_what_is_on_the_gpu_is_not_copied() -> None:
    there = torch.ones(3, device="cuda")
    moved = to_device([there, torch.ones(3)], torch.cuda.current_stream())
    assert moved[0] is there and moved[1].is_cuda
