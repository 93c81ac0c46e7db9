"""Captured windows: the numbers of the runner itself, though all windows share their memory."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.training.captured import MOST_FORMS, Captured
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.runners import Alone, SideBySide
from drmbids.fit.training.together import Fit, train_together

RunsOf, NetOf = Callable[..., list[Run]], Callable[..., DRMNet]


class SameMemory:
    """Does on the CPU what ``make_graphed_callables`` promises: inputs, outputs and gradients of
    all calls lie in the same memory, and inputs that lie elsewhere are copied there, in turn."""

    def __init__(self) -> None:
        self.captured = 0

    def __call__(
        self, function: Callable[..., Any], sample: Sequence[Tensor], allow_unused_input: bool
    ) -> Callable[..., Any]:
        assert allow_unused_input
        assert torch.is_grad_enabled()
        self.captured += 1
        kept: dict[str, Any] = {"outputs": [x.detach() for x in function(*sample)]}
        moved = [x for x in sample if x.requires_grad]
        gradients = [torch.full_like(x, torch.nan) if x.requires_grad else None for x in sample]

        class Graphed(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
                for static, given in zip(sample, inputs, strict=True):
                    if static.data_ptr() != given.data_ptr():
                        static.detach().copy_(given)
                with torch.enable_grad():
                    kept["graph"] = function(*sample)
                for static, new in zip(kept["outputs"], kept["graph"], strict=True):
                    if static.data_ptr() != new.data_ptr():
                        static.copy_(new.detach())
                return tuple(x.detach() for x in kept["outputs"])

            @staticmethod
            def backward(ctx: Any, *above: Tensor) -> Any:
                pairs = zip(kept["graph"], above, strict=True)
                out, at_out = zip(*((x, a) for x, a in pairs if x.requires_grad), strict=True)
                found = iter(torch.autograd.grad(out, moved, at_out, allow_unused=True))
                for static in gradients:
                    if static is not None and (new := next(found)) is not None:
                        static.copy_(new)
                    elif static is not None:
                        static.zero_()
                return tuple(None if g is None else g.detach() for g in gradients)

        return Graphed.apply


def iterate(runs: list[Run], window: int | None = None) -> DRMIterator:
    return DRMIterator.from_runs(runs, 0.5, nuisance=Nuisance(order=1), window=window)


def captured(model: DRM, capture: SameMemory) -> DRM:
    """Return a copy of a model whose windows are captured."""
    other = copy.deepcopy(model)

    def runner(nets: Sequence[DRMNet] | None = None) -> Captured:
        alone = nets is None or len(nets) == 1
        return Captured(Alone(other.net) if alone else SideBySide(nets), capture)

    other.runner = runner  # type: ignore[method-assign]
    return other


def check_equal(one: DRM, other: DRM) -> None:
    for row, expected in zip(other.history, one.history, strict=True):
        assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-10)
    wanted = one.net.state_dict()
    for name, value in other.net.state_dict().items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-8, atol=1e-8, msg=name)


@pytest.mark.parametrize(
    ("window", "cutoff", "n_forms"),
    [(None, None, 2), (None, 12, 2), (12, None, 2), (10, 10, 7)],
    ids=["whole runs", "cut-off", "windows", "windows across volumes"],
)
def test_one_net(
    window: int | None, cutoff: int | None, n_forms: int, runs_of: RunsOf, net_of: NetOf
) -> None:
    model, capture = DRM(net_of()), SameMemory()
    other = captured(model, capture)
    for each in (model, other):
        each.estimate(iterate(runs_of((24, 24, 20), "both"), window), n_epochs=4, cutoff=cutoff)
    check_equal(model, other)
    assert capture.captured == n_forms


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("cutoff", [None, 12])
def test_side_by_side(shared: bool, cutoff: int | None, runs_of: RunsOf, net_of: NetOf) -> None:
    models = [DRM(net_of(seed=k)) for k in range(3)]
    whole = iterate(runs_of())
    data = [whole if shared else iterate(runs_of(seed=k)) for k in range(3)]
    capture = SameMemory()
    others = [captured(models[0], capture), *map(copy.deepcopy, models[1:])]
    for each in (models, others):
        pairs = zip(each, data, strict=True)
        train_together([Fit(m, d, n_epochs=4, cutoff=cutoff) for m, d in pairs])
    for one, other in zip(models, others, strict=True):
        check_equal(one, other)
    assert capture.captured == 1 if cutoff is None else capture.captured <= 3


def test_delays_that_narrow_are_captured_anew(runs_of: RunsOf) -> None:
    torch.manual_seed(0)
    net = DRMNet(
        [Leaky(3, 2 + 2), Additive(2, 3)],
        [DRMConnection(0.5), None],
        [[None, LearnedDelay(1.0, 0.5, 3.0)], [DRMConnection(0.5), None]],
        BOLD([3, 2], [3, 4], regions=["A", "B"], hrf=DoubleGamma(length=9.0)),
        0.5,
    )
    model, capture = DRM(net), SameMemory()
    other = captured(model, capture)
    for each in (model, other):
        each.estimate(iterate(runs_of()), n_epochs=6)
    check_equal(model, other)
    assert capture.captured > 2


def test_gradients_across_windows_are_refused(runs_of: RunsOf, net_of: NetOf) -> None:
    other = captured(DRM(net_of()), SameMemory())
    with pytest.raises(UsageError, match="backpropagates every window on its own"):
        other.estimate(iterate(runs_of(), window=6), n_epochs=2, cutoff=24)


def test_too_many_forms_are_refused(runs_of: RunsOf, net_of: NetOf) -> None:
    runs = runs_of(tuple(range(10, 10 + MOST_FORMS + 1)))
    with pytest.raises(UsageError, match=f"graphs of {MOST_FORMS} forms"):
        captured(DRM(net_of()), SameMemory()).estimate(iterate(runs), n_epochs=1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_cpu_is_refused(net_of: NetOf) -> None:
    with pytest.raises(UsageError, match="needs a CUDA device, not 'cpu'"):
        DRM(net_of(), cuda_graph=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("cutoff", [None, 12])
def test_on_cuda(cutoff: int | None, runs_of: RunsOf, net_of: NetOf) -> None:
    runs = runs_of((24, 24, 20), "both")
    model, other = (DRM(net_of(), device="cuda", cuda_graph=g) for g in (False, True))
    for each in (model, other):
        data = DRMIterator.from_runs(runs, 0.5, nuisance=Nuisance(order=1), device="cuda")
        each.estimate(data, n_epochs=4, cutoff=cutoff)
    check_equal(model, other)
