"""The checks see what is broken: one fault at a time, and the message names it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.brain.testing.common import check_copies, check_gradients
from drmbids.testing import (
    check_connection,
    check_fixed_delay,
    check_hrf,
    check_loss,
    check_population,
    check_readout,
)


class Faulty(Leaky):
    """A leaky population with one fault.

    References
    ----------
    None.
    """

    fault = ""

    def forward(self, inputs: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        x = torch.cat(tuple(inputs), -1)
        if self.fault == "in place":
            inputs[0].add_(1.0)
        if self.fault == "looks ahead":
            x = torch.cat((x[1:], x[-1:]))
        if self.fault == "mixes the batch":
            x = x - x.mean(1, keepdim=True)
        if self.fault == "forgets":
            state = torch.zeros_like(state)
        if self.fault == "one afferent":
            x = inputs[0].expand(*inputs[0].shape[:2], self.n_inputs)
        activity, state = super().forward([x], state)
        if self.fault == "single precision":
            activity = activity.float()
        if self.fault == "hidden state":
            self.calls = getattr(self, "calls", 0) + 1
            activity = activity + self.calls
        if self.fault == "wrong gradient":
            activity = activity + (activity - activity.detach())
        if self.fault == "one tick":
            activity = activity[:1]
        return activity, state


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("in place", "changes its input in place"),
        ("looks ahead", "differs from the whole"),
        ("mixes the batch", "a batch differs from its elements"),
        ("forgets", "differs from the whole"),
        ("single precision", "is torch.float32 for torch.float64"),
        ("hidden state", "differs"),
        ("wrong gradient", "gradients are wrong"),
        ("one tick", "has shape"),
    ],
)
def test_faults_of_populations(fault: str, message: str) -> None:
    broken = type("Broken", (Faulty,), {"fault": fault, "__doc__": Faulty.__doc__})
    with pytest.raises(AssertionError, match=message):
        check_population(broken)


def test_a_sound_population_passes() -> None:
    check_population(Faulty)


def test_undeclared_parameters_and_missing_docstrings() -> None:
    class Undeclared(Leaky):
        """A population.

        References
        ----------
        None.
        """

        def __init__(self, n_units: int, n_inputs: int):
            super().__init__(n_units, n_inputs)
            self.add_parameter("gain", 1.0, unit="1")

    class Undocumented(Leaky):
        pass

    with pytest.raises(AssertionError, match="'gain' does not say its meaning"):
        check_population(Undeclared)
    with pytest.raises(AssertionError, match="has no docstring"):
        check_population(Undocumented)


def test_state_outside_the_state_dict() -> None:
    class Secret(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.secret = torch.randn(1)

        def forward(self, x: Tensor) -> Tensor:
            return x * self.secret

    with pytest.raises(AssertionError, match="a loaded state dict differs"):
        check_copies(Secret(), Secret(), lambda m: m(torch.ones(1)))


def test_gradients_of_nothing_are_right() -> None:
    check_gradients(nn.Identity(), lambda m: m(torch.ones(1)))


class WrongResponse(DoubleGamma):
    """A response with one fault.

    References
    ----------
    None.
    """

    fault = ""

    def forward(self, lag: Tensor) -> Tensor:
        values = super().forward(lag)
        if self.fault == "early":
            return values + 0.01 * (lag > -1.0)
        if self.fault == "scaled by all":
            return values / values.abs().max()
        if self.fault == "nothing in common":
            self.n_deviations = self.features_per_unit
            return values
        return values[0] if self.fault == "shape" else 0 * values


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("early", "is not zero before 0"),
        ("scaled by all", "depends on the other lags"),
        ("shape", "has shape"),
        ("silent", "zero everywhere"),
        ("nothing in common", "leaves none that voxels have in common"),
    ],
)
def test_faults_of_responses(fault: str, message: str) -> None:
    broken = type("Broken", (WrongResponse,), {"fault": fault, "__doc__": WrongResponse.__doc__})
    with pytest.raises(AssertionError, match=message):
        check_hrf(lambda n: broken(n_regions=n))


class WrongLoss(DRMLoss):
    """A loss with one fault.

    References
    ----------
    None.
    """

    fault = ""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        if self.fault == "no mask":
            return ((prediction - target) ** 2).mean()
        filled = target.nan_to_num(0.0)
        if self.fault == "missing is zero":
            return ((prediction - filled) ** 2).mean()
        if self.fault == "mask after":
            return torch.nanmean((prediction - target) ** 2)
        if self.fault == "biased":
            return super().forward(prediction + 0.1, target)
        return super().forward(prediction, target).expand(2)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no mask", "where elements are missing"),
        ("missing is zero", "a missing element has a gradient"),
        ("mask after", "a missing element has a gradient"),
        ("biased", "gradient at the target"),
        ("two numbers", "has shape"),
    ],
)
def test_faults_of_losses(fault: str, message: str) -> None:
    broken = type("Broken", (WrongLoss,), {"fault": fault, "__doc__": WrongLoss.__doc__})
    with pytest.raises(AssertionError, match=message):
        check_loss(broken)


class WrongConnection(DRMConnection):
    """A connection with one fault.

    References
    ----------
    None.
    """

    fault = ""

    @property
    def shortest_ticks(self) -> int:
        if self.fault == "rounds":
            return max(0, round(self.delay / self.resolution)) if self.delay == self.delay else 0
        late = int(self.fault == "late" and self.delay > 0)
        return super().shortest_ticks + late

    @property
    def longest_ticks(self) -> int:
        return 3 if self.fault == "mixes blocks" else super().longest_ticks

    def forward(self, activity: Tensor) -> Tensor:
        if self.fault == "smooths":
            return activity - activity.mean(0)
        return activity

    def arrive(self, sent: Tensor) -> Tensor:
        if self.fault == "sums":
            return sent.sum(-1, keepdim=True)
        if self.fault == "mixes batches":
            return sent - sent.mean(1, keepdim=True)
        return sent[3:] - sent.mean(0) if self.fault == "mixes blocks" else sent


@pytest.mark.parametrize(
    ("check", "fault", "message"),
    [
        (check_fixed_delay, "rounds", "is not refused"),
        (check_fixed_delay, "late", "0.1 s are 2 ticks, not 1"),
        (check_connection, "smooths", "depends on other ticks"),
        (check_connection, "sums", "3 units are sent, 1 arrive; say so in keeps_units"),
        (check_connection, "mixes blocks", "blocks change what arrives"),
        (check_connection, "mixes batches", "a batch is not its elements"),
    ],
)
def test_faults_of_connections(check: Callable[..., None], fault: str, message: str) -> None:
    doc = WrongConnection.__doc__
    broken = type("Broken", (WrongConnection,), {"fault": fault, "__doc__": doc})
    with pytest.raises(AssertionError, match=message):
        check(broken)


class WrongReadout(BOLD):
    """A readout with one fault.

    References
    ----------
    None.
    """

    fault = ""

    @property
    def memory(self) -> int:
        return super().memory // (2 if self.fault == "short memory" else 1)

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        features = super().features(activity, times)
        if self.fault == "late activity":
            now = [torch.tensordot(self._now(a, times), a, dims=1) for a in activity]
            features = [x + y for x, y in zip(features, now, strict=True)]
        if self.fault == "centres":
            return [x - x.mean(0) for x in features]
        return features[:1] if self.fault == "one region" else features

    def _now(self, activity: Tensor, times: Tensor) -> Tensor:
        """Return a matrix that picks the tick after each measured time."""
        tick = torch.arange(len(activity)) - super().memory - 1
        due = torch.floor(times / self.resolution + 1e-4)
        return (tick == due[:, None]).to(activity)

    def map_features(self, features: Sequence[Tensor], confounds: Tensor | None) -> Tensor:
        ignore = self.fault == "no confounds" and confounds is not None
        return super().map_features(features, 0 * confounds if ignore else confounds)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("short memory", "windows of 1 ticks differ"),
        ("late activity", "windows|depends on later activity"),
        ("centres", "depends on the other times|differ"),
        ("no confounds", "confounds do not enter"),
    ],
)
def test_faults_of_readouts(fault: str, message: str) -> None:
    broken = type("Broken", (WrongReadout,), {"fault": fault, "__doc__": WrongReadout.__doc__})
    with pytest.raises(AssertionError, match=message):
        check_readout(broken)


class _Slope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x.square().mean()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        slope = grads[0] * 2 * x / x.numel()
        slope[17] *= ctx.factor
        return slope, None


def test_one_wrong_slope_among_many_is_found() -> None:
    torch.manual_seed(0)
    x = torch.randn(360, dtype=torch.float64)
    check_gradients(nn.Identity(), lambda _, v: _Slope.apply(v, 1.0), (x,))
    with pytest.raises(AssertionError, match="gradients are wrong"):
        check_gradients(nn.Identity(), lambda _, v: _Slope.apply(v, 1.01), (x,))
