"""Smooth maps between free numbers, which training moves, and parameters within their limits."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from drmbids.data.tools.exceptions import UsageError


@dataclass(frozen=True)
class Constraint:
    """A parameter between two limits, either of which may be absent.

    Parameters
    ----------
    lower, upper : float or None
        Exclusive limits. None and None leave the parameter free; a lower limit alone maps by the
        exponential (equal steps are equal ratios, as suits time constants), both by the logistic
        function.

    Raises
    ------
    UsageError
        If the limits are not in order, or only an upper one is given.

    Examples
    --------
    >>> import torch
    >>> positive = Constraint(lower=0.0)
    >>> positive.forward(positive.inverse(torch.tensor(2.0)))
    tensor(2.)
    """

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        if self.lower is None and self.upper is not None:
            raise UsageError("a constraint with an upper limit needs a lower one")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise UsageError(f"limits out of order: {self.lower} and {self.upper}")

    def forward(self, free: Tensor) -> Tensor:
        """Return the parameter that a free number stands for."""
        if self.lower is None:
            return free
        if self.upper is None:
            return self.lower + torch.exp(free)
        return self.lower + (self.upper - self.lower) * torch.sigmoid(free)

    def inverse(self, value: Tensor) -> Tensor:
        """Return the free number that stands for a parameter.

        Raises
        ------
        UsageError
            If a value is on or beyond a limit.
        """
        if self.lower is None:
            return value
        upper = math.inf if self.upper is None else self.upper
        wrong = value[~((value > self.lower) & (value < upper))]
        if wrong.numel():
            raise UsageError(
                f"{wrong.reshape(-1)[0].item():g} must lie between {self.lower:g} and {upper:g}"
            )
        if self.upper is None:
            return torch.log(value - self.lower)
        return torch.logit((value - self.lower) / (self.upper - self.lower))
