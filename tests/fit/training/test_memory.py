"""Out of memory: recognised, halved once, and an estimate of what a window needs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from drmbids import BOLD, Additive, DRMConnection, Leaky
from drmbids.brain.net.net import DRMNet
from drmbids.data.iterators.item import split_item
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import TrainingError, TrainingWarning
from drmbids.fit.training import memory
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.memory import Window, estimate_bytes, is_out_of_memory

RunsOf, NetOf = Callable[..., list[Run]], Callable[..., DRMNet]


def iterate(runs: list[Run], **options: Any) -> DRMIterator:
    return DRMIterator.from_runs(runs, 0.5, nuisance=Nuisance(order=1), **options)


def limit_memory(monkeypatch: pytest.MonkeyPatch, net: DRMNet, n_ticks: int) -> list[int]:
    """Let a population run out of memory in longer windows; return the lengths it was given."""
    population, seen = net.population_list[1], []
    run = type(population).forward

    def limited(self: Any, inputs: list[Tensor], state: Any) -> Any:
        if self is population:
            seen.append(inputs[0].shape[0])
            if inputs[0].shape[0] > n_ticks:
                torch.empty(10**15)  # the error that torch itself raises
        return run(self, inputs, state)

    monkeypatch.setattr(type(population), "forward", limited)
    return seen


def chain() -> DRMNet:
    """Return two populations without a loop: each is called once a window."""
    torch.manual_seed(0)
    return DRMNet(
        [Leaky(3, 2), Additive(2, 3)],
        [DRMConnection(0.5), None],
        [[None, None], [DRMConnection(0.5), None]],
        BOLD([3, 2], [3, 4], regions=["A", "B"]),
        resolution=0.5,
    )


def test_errors_that_say_there_is_no_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert is_out_of_memory(MemoryError())
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert not is_out_of_memory(caught.value)
    assert not is_out_of_memory(ValueError("DefaultCPUAllocator"))


@pytest.mark.parametrize("cutoff", [None, 72, 50])
def test_the_window_is_halved_once(cutoff: int | None, runs_of: RunsOf) -> None:
    net, tried = chain(), []
    data = iterate(runs_of((24, 24)))  # 72 ticks

    def epoch(n_ticks: int | None) -> int | None:
        tried.append(n_ticks)
        if n_ticks is None or n_ticks > 40:
            raise MemoryError
        return n_ticks

    window = Window(cutoff, 72, net, data)
    half = (cutoff or 72) // 2
    with pytest.warns(TrainingWarning, match=f"flow back {2 * half} ticks; going on with {half}"):
        assert window.run(epoch) == half
    assert tried == [cutoff, half] and window.run(epoch) == half == window.cutoff
    needed = (
        f"a window of {half} ticks of 2 runs keeps about .* for its gradient, .*; use a shorter"
    )
    with pytest.raises(TrainingError, match=f"out of memory: {needed}"):
        window.run(lambda n_ticks: torch.empty(10**15))


def test_other_errors_pass(runs_of: RunsOf) -> None:
    window = Window(None, 72, chain(), iterate(runs_of((24, 24))))

    def fail(_: int | None) -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        window.run(fail)
    assert window.cutoff is None


def test_a_window_of_one_tick_cannot_be_halved(runs_of: RunsOf) -> None:
    window = Window(1, 72, chain(), iterate(runs_of((24, 24))))
    with pytest.raises(TrainingError, match="out of memory: a window of 1 ticks"):
        window.run(lambda n_ticks: torch.empty(10**15))


def test_when_not_even_the_estimate_fits(runs_of: RunsOf, monkeypatch: pytest.MonkeyPatch) -> None:
    net = chain()
    limit_memory(monkeypatch, net, 0)
    window = Window(1, 72, net, iterate(runs_of((24, 24))))
    with pytest.raises(TrainingError, match="not even 1 ticks of 2 runs fit; use a shorter"):
        window.run(lambda n_ticks: torch.empty(10**15))


@pytest.mark.parametrize("n_volumes", [400, 30])
@pytest.mark.parametrize("n_runs", [1, 3])
def test_bytes_of_a_window(n_runs: int, n_volumes: int, runs_of: RunsOf, net_of: NetOf) -> None:
    """What short windows predict is what the whole window keeps, loops and readout included."""
    (item,) = list(iterate(runs_of((n_volumes,) * n_runs)))
    n_ticks = item["stimulus"][0].shape[0]
    for net in (chain(), net_of()):
        for ticks in (None, n_ticks // 2):
            length = ticks or n_ticks
            whole = memory._kept_bytes(net, next(split_item(item, length, 0.5)))
            # activity alone: three and two units in float64, each with its past
            assert whole > 8 * n_runs * 5 * length
            assert estimate_bytes(net, item, ticks) == pytest.approx(whole, rel=0.03)
    assert estimate_bytes(chain(), item) == estimate_bytes(chain(), item, 10**9)


def test_bytes_of_what_is_there_anyway_do_not_count() -> None:
    """Parameters and data stay as they are, however long the window is."""
    video, n_ticks = DRMConnection(0.0, torch.nn.Linear(2000, 3)), 100
    net = DRMNet(
        [Additive(3, 3)], [video], [[None]], BOLD([3], [2]), resolution=0.5,
        stimuli={"video": 2000},
    )  # fmt: skip
    item = {"stimulus": [torch.rand(n_ticks, 1, 2000)], "times": torch.arange(0.0, 50.0, 2.0)}
    assert estimate_bytes(net, item) < 0.5 * item["stimulus"][0].nbytes


def test_training_goes_on_with_half_the_window(
    runs_of: RunsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same numbers as if half the window had been asked for."""
    runs = runs_of((24, 24))
    wanted = chain()
    losses, _ = DRM(wanted).estimate(iterate(runs), n_epochs=3, cutoff=36)
    net = chain()
    seen = limit_memory(monkeypatch, net, 40)
    with pytest.warns(TrainingWarning, match="going on with 36"):
        got, _ = DRM(net).estimate(iterate(runs), n_epochs=3)
    assert set(seen) == {72, 36} and seen.count(72) == 1
    assert got == pytest.approx(losses, rel=1e-10)
    for name, value in wanted.state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-9, atol=1e-9)


def test_training_ends_where_half_the_window_is_too_long(
    runs_of: RunsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = chain()
    limit_memory(monkeypatch, net, 20)
    message = "out of memory: not even 36 ticks of 2 runs fit"
    with pytest.warns(TrainingWarning), pytest.raises(TrainingError, match=message):
        DRM(net).estimate(iterate(runs_of((24, 24))), n_epochs=3)


def test_sizes_in_words() -> None:
    assert [memory.readable(x) for x in (1, 2048, 5.5e6, 3e13)] == [
        "1 B",
        "2.0 kB",
        "5.5 MB",
        "30.0 TB",
    ]
