"""The losses of the readouts of a net, and whether maps are solved for them."""

from collections.abc import Mapping

from torch import nn

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.net.readouts import AnyReadout, by_name, loss_of
from drmbids.data.runs.align import ONLY
from drmbids.data.tools.exceptions import UsageError


def is_solved(loss: nn.Module, solve: bool | None) -> bool:
    """Return whether maps are solved.

    Parameters
    ----------
    loss : Module
    solve : bool or None
        What was asked for; where possible when None.

    Raises
    ------
    UsageError
        If maps were to be solved for a loss that has no solution.
    """
    solvable = type(loss) is DRMLoss
    if solve and not solvable:
        raise UsageError(
            f"maps are solved for the squared error, not for {type(loss).__name__}; "
            "leave solve out, or use solve=False"
        )
    return solvable if solve is None else solve


def losses_of(
    readout: AnyReadout, loss: nn.Module | Mapping[str, nn.Module] | None = None
) -> dict[str, nn.Module]:
    """Return the loss of each readout: the one that is given, else the one that suits it.

    Parameters
    ----------
    readout : DRMReadout or Readouts
    loss : Module, or mapping of str to Module, optional

    Raises
    ------
    UsageError
        If a loss belongs to no readout, or one is given for several.
    """
    readouts = by_name(readout)
    only = {} if loss is None else {ONLY: loss}
    given = loss if isinstance(loss, Mapping) else only
    unknown = [name for name in given if name not in readouts]
    if unknown:
        names = [name for name in readouts if name]
        raise UsageError(
            f"losses of {unknown}, the model has "
            + (f"readouts {names}; give a mapping of some of them" if names else "one readout")
        )
    return {name: given.get(name) or loss_of(part) for name, part in readouts.items()}
