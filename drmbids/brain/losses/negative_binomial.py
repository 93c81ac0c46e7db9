"""NegativeBinomial: counts that vary more than a Poisson process lets them."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from drmbids.brain.losses.counts import CountLoss
from drmbids.brain.nodes import DRMNode
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.estimation.masked import masked_mean, split_missing

#: Below this the distribution is a Poisson's to six digits for any count there is; smaller values
#: would only lose digits of the likelihood.
LEAST_DISPERSION = 1e-6


class NegativeBinomial(CountLoss, DRMNode):
    """Mean negative log-likelihood (nats) of counts whose variance grows faster than their mean.

    A prediction is the natural logarithm of a rate, as for :class:`~drmbids.Poisson`. A count of
    mean ``m`` has the variance ``m + dispersion * m ** 2``: Poisson variance, and a gain that
    fluctuates from bin to bin. The dispersion of each target is a parameter of the loss and is
    trained with the net, by the same optimizer and at the same learning rate. Constant terms are
    included, so that minus the loss, times the number of elements, is the log-likelihood. A missing
    (NaN) count has no loss.

    Parameters
    ----------
    n_targets : int
        Targets with a dispersion of their own; 1 for one that all share.
    dispersion : float
        Where training starts, or what it stays at; larger than 1e-6.
    trainable : bool
        Whether the dispersion is trained.
    bin_width : float
        Seconds in a bin; 1 where predictions are logarithms of expected counts.

    Raises
    ------
    ModelError
        If an option is not positive.

    References
    ----------
    Goris, Movshon and Simoncelli 2014, Nature Neuroscience 17:858-865 (gain that fluctuates, the
    modulated Poisson model of cortical spikes; excess variance of about .1 to 1 squared means).

    Examples
    --------
    >>> loss = NegativeBinomial(dispersion=0.5)
    >>> round(loss(torch.zeros(1, 1), torch.zeros(1, 1)).item(), 4)  # 2 log 1.5
    0.8109
    """

    option_units: ClassVar = {**CountLoss.option_units, "dispersion": "1"}

    def __init__(
        self,
        n_targets: int = 1,
        dispersion: float = 0.5,
        trainable: bool = True,
        bin_width: float = 1.0,
    ):
        super().__init__(bin_width)
        if n_targets < 1 or not dispersion > LEAST_DISPERSION:
            raise ModelError(
                "NegativeBinomial: n_targets and dispersion must be positive, got "
                f"{n_targets} and {dispersion:g}"
            )
        self.add_parameter(
            "dispersion",
            torch.full((n_targets,), float(dispersion)),
            unit="1",
            meaning="variance of counts beyond their mean, over the mean squared",
            lower=LEAST_DISPERSION,
            trainable=trainable,
            source="start: Goris et al. 2014, middle of cortical neurons",
        )

    @classmethod
    def for_targets(cls, n_targets: int) -> "NegativeBinomial":
        """Return the loss with a dispersion for each target.

        Parameters
        ----------
        n_targets : int
        """
        return cls(n_targets)

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the loss, shape ().

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        weight : Tensor of the same shape, optional
            How much each count counts, above 0.
        """
        count, present = split_missing(target.double())
        log_mean = self.log_mean(torch.where(present, prediction.double(), 0.0))
        # in float64: differences of logarithms of gamma functions, large where dispersion is small
        size = self.value("dispersion").double().reciprocal()
        log_total = torch.logaddexp(size.log(), log_mean)
        surprise = (
            (count + size) * log_total
            - count * log_mean
            - size * size.log()
            - torch.lgamma(count + size)
            + torch.lgamma(size)
            + torch.lgamma(count + 1)
        )
        return masked_mean(surprise, present, weight).to(prediction)

    def draw(self, prediction: Tensor, rng: np.random.Generator) -> Tensor:
        """Return counts, shape (n_measured, n_targets): Poisson, of rates that vary.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, n_targets)
        rng : numpy.random.Generator

        Raises
        ------
        UsageError
            If an expected count is too large.
        """
        dispersion = self.value("dispersion").detach().cpu().double().numpy()
        mean = self.expected_to_draw(prediction) * rng.gamma(
            1 / np.broadcast_to(dispersion, prediction.shape), dispersion
        )
        return torch.from_numpy(rng.poisson(mean)).to(prediction)
