"""Errors over the elements that are there; a missing element gives zero loss and zero gradient."""

import torch
from torch import Tensor


def split_missing(target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the target with NaN replaced by zero, and the mask of the elements that are there.

    No NaN enters the graph this way: ``0 * NaN`` is NaN in a backward pass too.
    """
    present = ~target.isnan()
    return target.nan_to_num(nan=0.0, posinf=float("inf"), neginf=float("-inf")), present


def masked_mean(values: Tensor, present: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean of the values where they are present, 0 where none is.

    Parameters
    ----------
    values : Tensor
    present : Tensor of bool
        Of the same shape.
    weight : Tensor, optional
        How much each value counts, above 0; of the same shape.
    """
    if weight is None:
        weights = present.to(values.dtype)
        return (values * weights).sum() / weights.sum().clamp(min=1.0)
    weights = weight.to(values.dtype) * present
    least = torch.finfo(values.dtype).tiny
    return (values * weights).sum() / weights.sum().clamp(min=least)


def mean_of_targets(target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean of each target over samples and runs, 0 where nothing was measured.

    Parameters
    ----------
    target : Tensor of shape (n_measured, batch, n_targets)
        NaN where missing.
    weight : Tensor of the same shape, optional
        How much each element counts.

    Returns
    -------
    Tensor of shape (1, 1, n_targets)
    """
    filled, present = split_missing(target)
    weights = present.to(filled) if weight is None else weight * present
    total = weights.sum((0, 1), keepdim=True)
    return (weights * filled).sum((0, 1), keepdim=True) / torch.where(total > 0, total, 1.0)


def masked_squared_error(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Return the mean squared error over the elements of the target that are not NaN.

    Parameters
    ----------
    prediction, target : Tensor of one shape
        NaN in the target marks a missing element.
    weight : Tensor of the same shape, optional
        How much each element counts, above 0; all alike when absent.

    Returns
    -------
    Tensor of shape ()

    Examples
    --------
    >>> import torch
    >>> masked_squared_error(torch.tensor([1.0, 5.0]), torch.tensor([3.0, float("nan")]))
    tensor(4.)
    """
    filled, present = split_missing(target)
    return masked_mean((prediction - filled) ** 2, present, weight)
