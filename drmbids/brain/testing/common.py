"""What all checks share: comparison with a message, copies, gradients, declared parameters."""

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError

from drmbids.brain.nodes import DRMNode

#: Float types that every component computes in, with the error that rounding may leave.
DTYPES = {torch.float32: 1e-4, torch.float64: 1e-12}

#: Numbers above which gradients are checked along a random direction.
MANY_NUMBERS = 100
#: Errors of a gradient that rounding may leave: of one number, and along a direction, where that of
#: a single number counts by its share alone.
ERROR_OF_ONE, ERROR_ALONG = 1e-6, 1e-9


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Draw the same random numbers every time, and leave the caller's generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def require(condition: bool, message: str) -> None:
    """Raise :class:`AssertionError` with the message unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def require_equal(got: Tensor, wanted: Tensor, tolerance: float, message: str) -> None:
    """Raise :class:`AssertionError` where two tensors differ.

    Parameters
    ----------
    got, wanted : Tensor
    tolerance : float
        Largest difference allowed, relative to the largest wanted value.
    message : str
        The promise that is broken.
    """
    require(
        got.shape == wanted.shape,
        f"{message}: shapes {tuple(got.shape)} and {tuple(wanted.shape)}",
    )
    if not got.numel():
        return
    error = (got.double() - wanted.double()).abs().max().item()
    size = max(1.0, wanted.double().abs().max().item())
    require(error <= tolerance * size, f"{message}: they differ by {error:.3g}")


def require_form(got: Tensor, shape: Sequence[int], like: Tensor, what: str) -> None:
    """Raise :class:`AssertionError` unless shape, type and device are as promised, all finite."""
    require(
        tuple(got.shape) == tuple(shape),
        f"{what} has shape {tuple(got.shape)}, expected {tuple(shape)}",
    )
    require(got.dtype == like.dtype, f"{what} is {got.dtype} for {like.dtype} input")
    require(got.device == like.device, f"{what} is on {got.device} for input on {like.device}")
    require(bool(torch.isfinite(got).all()), f"{what} is not finite for finite input")


def randomise(module: nn.Module) -> None:
    """Move all parameters a little, so that none is at a special value such as zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))


def check_copies(
    module: nn.Module, fresh: nn.Module, compute: Callable[[nn.Module], Tensor]
) -> None:
    """Check that a state dict and a copy hold all there is, also after a backward pass.

    Parameters
    ----------
    module : Module
        The component.
    fresh : Module
        Another one of the same sizes.
    compute : callable
        Gives the output of a component for one fixed input.
    """
    name = type(module).__name__
    wanted = compute(module).detach()
    require_equal(compute(module).detach(), wanted, 0.0, f"{name}: a second call differs")
    fresh.load_state_dict(module.state_dict())
    require_equal(compute(fresh).detach(), wanted, 1e-12, f"{name}: a loaded state dict differs")
    require_equal(compute(copy.deepcopy(module)).detach(), wanted, 0.0, f"{name}: a copy differs")
    output = compute(module)
    if output.requires_grad:
        output.sum().backward()
    after = compute(copy.deepcopy(module)).detach()
    require_equal(after, wanted, 0.0, f"{name}: a copy made after a backward pass differs")
    module.zero_grad(set_to_none=True)


def check_gradients(
    module: nn.Module,
    compute: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Sequence[Tensor] = (),
) -> None:
    """Check the gradients for the inputs and all trained parameters by finite differences.

    Parameters
    ----------
    module : Module
        In float64.
    compute : callable
        Calls the component: ``compute(component, *inputs)``.
    inputs : sequence of Tensor
        In float64.
    """
    names = [name for name, p in module.named_parameters() if p.requires_grad]
    held = _Caller(module, compute)
    n_inputs = len(inputs)

    def function(*values: Tensor) -> Tensor | Sequence[Tensor]:
        parameters = {f"module.{n}": v for n, v in zip(names, values[n_inputs:], strict=True)}
        return torch.func.functional_call(held, parameters, tuple(values[:n_inputs]))

    trained = dict(module.named_parameters())
    values = [*inputs, *(trained[name] for name in names)]
    values = [v.detach().clone().requires_grad_() for v in values]
    if not values:
        return
    try:
        # beyond this many numbers a random direction is checked in place of each
        many = sum(v.numel() for v in values) > MANY_NUMBERS
        tolerances = {"eps": 1e-6, "atol": ERROR_ALONG if many else ERROR_OF_ONE, "rtol": 1e-4}
        torch.autograd.gradcheck(function, tuple(values), fast_mode=many, **tolerances)
    except GradcheckError as error:
        first = str(error).strip().splitlines()[0]
        raise AssertionError(f"{type(module).__name__}: gradients are wrong: {first}") from error


class _Caller(nn.Module):
    """A component together with how it is called."""

    def __init__(self, module: nn.Module, compute: Callable[..., Tensor | Sequence[Tensor]]):
        super().__init__()
        self.module, self.compute = module, compute

    def forward(self, *inputs: Tensor) -> Tensor | Sequence[Tensor]:
        return self.compute(self.module, *inputs)


def check_declared(component: nn.Module) -> None:
    """Check that physical parameters say unit and meaning, and the class where it comes from.

    Parameters
    ----------
    component : Module
    """
    name = type(component).__name__
    for part in component.modules():
        if not isinstance(part, DRMNode):
            continue
        for spec in part.parameter_specs.values():
            require(bool(spec.unit), f"{name}: parameter {spec.name!r} has no unit")
            require(bool(spec.meaning), f"{name}: parameter {spec.name!r} does not say its meaning")
            stated = part.option_units.get(spec.name, "1")
            require(
                spec.name not in inspect.signature(type(part)).parameters or stated == spec.unit,
                f"{name}: parameter {spec.name!r} is in {spec.unit}, option_units says {stated}",
            )
    docstring = inspect.cleandoc(type(component).__doc__ or "")
    require(bool(docstring), f"{name} has no docstring")
    require(
        any(f"\n{section}\n---" in docstring for section in ("Examples", "References")),
        f"{name}: the docstring has neither a section Examples nor References",
    )
