"""Dale's law: what a neuron does to its targets has one sign."""

from typing import Literal

import torch
from torch import Tensor

from drmbids.data.tools.exceptions import UsageError

#: Sign of the units of a source, or the share of them, the first ones, that are excitatory.
Dale = Literal["excitatory", "inhibitory"] | float


def dale_signs(dale: Dale, n_units: int) -> Tensor:
    """Return the sign of each unit of a source, 1 or -1.

    Parameters
    ----------
    dale : {"excitatory", "inhibitory"} or float
    n_units : int

    Returns
    -------
    Tensor of shape (n_units,)

    Raises
    ------
    UsageError
        If it is neither of the words nor a share.

    Examples
    --------
    >>> dale_signs(0.8, 5).tolist()
    [1.0, 1.0, 1.0, 1.0, -1.0]
    """
    share = {"excitatory": 1.0, "inhibitory": 0.0}.get(dale, dale)  # pyright: ignore
    if isinstance(share, str) or not 0 <= share <= 1:
        raise UsageError(
            f"dale is excitatory, inhibitory or a share of excitatory units from 0 to 1; "
            f"got {dale!r}"
        )
    return torch.where(torch.arange(n_units) < round(share * n_units), 1.0, -1.0)
