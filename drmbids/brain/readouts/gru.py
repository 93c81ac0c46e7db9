"""GRUReadout: hemodynamics left to gated recurrent units."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from scipy.linalg import hankel as hankel_matrix
from torch import Tensor, nn

from drmbids.brain.readouts.convolution import ConvolvedReadout
from drmbids.brain.readouts.fir import FIR
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.runs.nuisance import Nuisance

# Activity of 1 for a second moves units by this much at the start, where they are linear in it.
START_SIZE = 0.05
# Where gates stand at the start: units take half of what is new, and see nearly all of what they
# hold.
KEPT, SEEN = 0.5, 0.9
#: Share of the learning rate that the weights of the units move by.
STEP_SHARE = 0.1


def linear_recurrence(response: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the recurrence of an order whose states make up an impulse response best.

    The states are ``x <- A x + b u``, so that an input of 1 leaves ``A^k b`` after ``k`` more
    steps; a mixture of the ``order`` states follows the response as well as the first components of
    its Hankel matrix do. States are balanced: about as easily moved as seen.

    Parameters
    ----------
    response : array of shape (n_delays,)
        At delays of 1, 2, ... steps.
    order : int
        States.

    Returns
    -------
    A : array of shape (order, order)
    b : array of shape (order,)

    References
    ----------
    Kung 1978, 12th Asilomar Conference on Circuits, Systems and Computers.
    """
    n, response = len(response), response / np.linalg.norm(response)
    padded = np.concatenate([response, np.zeros(n + order + 1)])
    size = max(n, order + 1)
    hankel = hankel_matrix(padded[:size], padded[size - 1 : 2 * size - 1])
    left, values, right = np.linalg.svd(hankel)
    order_signs = np.sign(right[:order, 0] + (right[:order, 0] == 0))
    observed = left[:, :order] * order_signs * np.sqrt(values[:order])
    A = np.linalg.lstsq(observed[:-1], observed[1:], rcond=None)[0]
    return A, order_signs * np.sqrt(values[:order]) * right[:order, 0]


@torch.no_grad()
def start_at_response(memory: nn.GRU, response: np.ndarray) -> None:
    """Set the weights of recurrent units so that, to small inputs, they respond as stated.

    Each input has units of its own, as many as there are for one.

    Parameters
    ----------
    memory : GRU
    response : array of shape (n_delays,)
        At delays of 1, 2, ... steps.
    """
    n_inputs, size = memory.input_size, memory.hidden_size
    order = size // n_inputs
    A, b = linear_recurrence(response, order)
    b = START_SIZE * b / np.linalg.norm(b)
    own = torch.eye(n_inputs, dtype=torch.float64)
    recurrent = (torch.from_numpy(A) - KEPT * torch.eye(order)) / ((1 - KEPT) * SEEN)
    for parameter in memory.parameters():
        parameter.zero_()
    inputs = torch.from_numpy(b)[:, None] / (1 - KEPT)
    memory.weight_ih_l0[2 * size :] = torch.kron(own, inputs)
    memory.weight_hh_l0[2 * size :] = torch.kron(own, recurrent)
    memory.bias_ih_l0[:size] = math.log(SEEN / (1 - SEEN))
    memory.bias_ih_l0[size : 2 * size] = math.log(KEPT / (1 - KEPT))


class GRUReadout(ConvolvedReadout):
    """Gated recurrent units in place of a hemodynamic response, mapped linearly to voxels.

    Each region has its own units. At every measured time they start at rest and go through the
    activity of the last ``length`` seconds, oldest first, averaged around evenly spaced delays
    (the tents of :class:`~drmbids.brain.readouts.fir.FIR`); their state then is what the maps act
    on. They start at SPM's response: nearly linear in small activity, with states that make it up.
    From there the response may come to depend on what came before, which no convolution can; it has
    no shape, so there is nothing to read off it but predictions.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`.
    features_per_unit : int
        Memory units of a region for each unit that it reads. A response that rises, falls and dips
        takes three or four; one can but decay.
    n_delays : int
        Averages of past activity that the units go through; 19 are 1 s apart in 20 s.
    length : float
        Seconds of activity that the units see.

    Notes
    -----
    Units that run through a whole experiment would remember for longer than a window of training
    lasts, and predict otherwise in other windows; units that start anew do not.

    References
    ----------
    Guclu and van Gerven 2017, Frontiers in Computational Neuroscience 11:7; Cho et al. 2014,
    EMNLP, arXiv:1406.1078.

    Examples
    --------
    >>> import torch
    >>> readout = GRUReadout(n_units=[2], n_targets=[5])
    >>> readout.set_resolution(0.5)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.arange(0.0, 20.0, 2.0)).shape
    torch.Size([10, 1, 5])
    """

    option_units: ClassVar = {"length": "s"}
    measures: ClassVar[str] = "bold"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        features_per_unit: int = 4,
        n_delays: int = 19,
        length: float = 20.0,
    ):
        delays = FIR(n_delays=n_delays, length=length)
        super().__init__(
            n_units, n_targets, sources, regions, n_confounds, nuisance, delays, features_per_unit
        )
        self.memories = nn.ModuleList(
            nn.GRU(self.n_features(k) // features_per_unit, self.n_features(k))
            for k in range(len(self.regions))
        )
        lag = length / (n_delays + 1) * torch.arange(1, n_delays + 1)
        response = DoubleGamma(trainable=False)(lag)[0, 0].double().numpy()
        for memory in self.memories:
            start_at_response(memory, response)

    def step_shares(self) -> list[tuple[nn.Parameter, float]]:
        """Return the weights of the units: small at the start, they would be lost in long steps."""
        return [(p, STEP_SHARE) for p in self.memories.parameters()]

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return the states at the measured times, (n_measured, batch, n_features) per region."""
        return [
            memory(x.flip(0).flatten(1, 2))[0][-1].unflatten(0, x.shape[1:3])
            for memory, x in zip(self.memories, self.convolved(activity, times), strict=True)
        ]
