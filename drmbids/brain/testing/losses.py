"""The contract of losses."""

from collections.abc import Callable
from inspect import signature

import numpy as np
import torch
from torch import Tensor

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.testing.common import (
    DTYPES,
    check_copies,
    check_declared,
    check_gradients,
    require,
    require_equal,
    require_form,
    seeded,
)


def check_loss(build: Callable[[], DRMLoss], device: str = "cpu") -> None:
    """Check that a loss keeps its contract, above all with missing data.

    One number; least where the target is what the prediction stands for (``expected``), as low as
    its lower limit there; a missing element gives no loss and a gradient of exactly zero; leaving
    a volume out is the same as missing it, unless the loss looks at time (``timed``); 0 when
    nothing was measured; copies; gradients; documentation. Where it takes weights: equal ones
    change nothing, and what has nearly none is nearly missing. Targets that it draws are, on
    average, what is expected of them.

    Parameters
    ----------
    build : callable
        The class.
    device : str
        Where to compute.

    Raises
    ------
    AssertionError
        If a promise is broken; the message names it.

    Examples
    --------
    >>> from drmbids import DRMLoss
    >>> check_loss(DRMLoss)
    """
    with seeded():
        for dtype, tolerance in DTYPES.items():
            single = build().to(device=device, dtype=dtype)
            prediction, best = _series(device, dtype, single.timed)
            target = single.expected(best)
            value = single(prediction, target)
            require_form(value, (), target, f"{type(single).__name__}: the loss")
            _check_minimum(single, prediction, best)
            _check_missing(single, prediction, target, tolerance)
            if "weight" in signature(single.forward).parameters:
                _check_weights(single, prediction, target, tolerance)
            _check_limits(single, best, target, tolerance)
        _check_draws(build().double())
        loss, fresh = (build().to(device).double() for _ in range(2))
        measured, best = _series(device, torch.float64, loss.timed)
        partly = loss.expected(best)
        check_declared(loss)
        check_copies(loss, fresh, lambda f: f(measured, partly))
        partly[2, 1, 3] = partly[5] = torch.nan
        check_gradients(loss, lambda f, p: f(p, partly), (measured,))


def _series(device: str, dtype: torch.dtype, timed: bool) -> tuple[Tensor, Tensor]:
    """Return a prediction, and the best one, near it; long enough for windows of time."""
    best = torch.randn(36 if timed else 7, 2, 5, device=device, dtype=dtype)
    return best + 0.5 * torch.randn_like(best), best


def _check_draws(loss: DRMLoss) -> None:
    """Check that drawn targets are what is expected of them on average, and can be measured."""
    if not loss.draws:
        return
    name, rng = type(loss).__name__, np.random.default_rng(0)
    prediction = torch.linspace(-1.0, 1.0, 3, dtype=torch.float64).expand(20_000, 3)
    drawn = loss.draw(prediction, rng)
    require_form(drawn, (20_000, 3), prediction, f"{name}: what is drawn")
    loss.check_target(drawn)
    mean, spread = drawn.mean(0), drawn.std(0) / 20_000**0.5
    away = ((mean - loss.expected(prediction)[0]) / spread).abs().max().item()
    require(
        away < 4.0, f"{name}: drawn targets are {away:.1f} standard errors off what is expected"
    )


def _check_minimum(loss: DRMLoss, prediction: Tensor, best: Tensor) -> None:
    name, target = type(loss).__name__, loss.expected(best)
    truth = best.clone().requires_grad_()
    least = loss(truth, target)
    least.backward()
    require(least.item() < loss(prediction, target).item(), f"{name} is not least at the target")
    flat = truth.grad is None or truth.grad.abs().max().item() < 1e-6
    require(flat, f"{name}: the gradient at the target is not zero")


def _check_weights(loss: DRMLoss, prediction: Tensor, target: Tensor, tolerance: float) -> None:
    name, alike = type(loss).__name__, torch.full_like(target, 3.0)
    message = f"{name}: weights that are all alike change it"
    require_equal(loss(prediction, target, alike), loss(prediction, target), tolerance, message)
    dropped, light = target.clone(), torch.ones_like(target)
    dropped[2], light[2] = torch.nan, 1e-12
    message = f"{name}: a volume of next to no weight differs from a missing one"
    found = loss(prediction, target, light)
    require_equal(found, loss(prediction, dropped), tolerance, message)


def _check_missing(loss: DRMLoss, prediction: Tensor, target: Tensor, tolerance: float) -> None:
    name = type(loss).__name__
    partly = target.clone()
    partly[0, 0, 0] = partly[3, 1] = partly[:, 0, 2] = torch.nan
    missing = partly.isnan()
    prediction = prediction.clone().requires_grad_()
    value = loss(prediction, partly)
    require(bool(torch.isfinite(value)), f"{name} is {value.item()} where elements are missing")
    (gradient,) = torch.autograd.grad(value, prediction)
    require(not gradient[missing].any(), f"{name}: a missing element has a gradient")
    require(bool(torch.isfinite(gradient).all()), f"{name}: a gradient is not finite")
    require(bool(gradient[~missing].any()), f"{name}: measured elements have no gradient")
    elsewhere = torch.where(missing, prediction + 100.0, prediction)
    message = f"{name} depends on the prediction of a missing element"
    require_equal(loss(elsewhere, partly), value, tolerance, message)
    if not loss.timed:
        dropped = target.clone()
        dropped[2] = torch.nan
        kept = torch.arange(len(target), device=target.device) != 2
        message = f"{name}: missing a volume differs from leaving it out"
        wanted = loss(prediction[kept], target[kept])
        require_equal(loss(prediction, dropped), wanted, tolerance, message)
    nothing = loss(prediction, torch.full_like(target, torch.nan))
    require(nothing.item() == 0, f"{name} is {nothing.item()} when nothing was measured, not 0")
    (gradient,) = torch.autograd.grad(nothing, prediction)
    require(not gradient.any(), f"{name}: a gradient when nothing was measured")


def _check_limits(loss: DRMLoss, best: Tensor, target: Tensor, tolerance: float) -> None:
    name = type(loss).__name__
    null, least = loss.limits(target[:, :1])
    require(null > least, f"{name}: the limit of what explains nothing is not above the lower one")
    at_best = loss(best[:, :1], target[:, :1]).detach()
    message = f"{name}: the lower limit is not the loss of the best prediction"
    require_equal(at_best, torch.as_tensor(least).to(at_best), max(tolerance, 1e-7), message)
