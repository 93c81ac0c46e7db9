"""CrossEntropy: how unlikely the choices that were made are."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from drmbids.brain.losses.base import DRMLoss
from drmbids.maths.estimation.masked import masked_mean, split_missing

# Log odds of a class that was not on offer: no number that training reaches, and finite, as
# infinities would turn into NaN in a backward pass.
NEVER = -1e30

# Probability whose logarithm stands for that of an impossible class.
LEAST_PROBABILITY = 1e-30


class CrossEntropy(DRMLoss):
    """Mean negative log probability (nats) of the classes that were chosen.

    A prediction is log odds, one for each class, of which the softmax gives probabilities. A target
    holds 1 for the class that was chosen and 0 for the others, or probabilities. A class whose
    element is missing (NaN) was not on offer, and the others share the probability; where all are
    missing there was no choice. Each choice counts in proportion to the classes on offer, so that
    the loss of a window is its share in the loss of a run.

    References
    ----------
    Bridle 1990, in Neurocomputing, NATO ASI Series 68:227-236 (softmax and its score).

    Examples
    --------
    >>> import torch
    >>> log_odds = torch.tensor([[0.0, 0.0], [9.0, 0.0]])
    >>> round(CrossEntropy()(log_odds, torch.tensor([[0.0, 1.0], [torch.nan] * 2])).item(), 4)
    0.6931
    """

    in_nats: ClassVar = True
    draws: ClassVar = True

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the loss, shape ().

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_classes)
        weight : Tensor of the same shape, optional
            How much each choice counts, above 0; the same for all its classes.
        """
        filled, present = split_missing(target)
        log_p = prediction.masked_fill(~present, NEVER).log_softmax(-1)
        surprise = -(filled * log_p.masked_fill(~present, 0.0)).sum(-1, keepdim=True)
        return masked_mean(surprise.expand_as(log_p), present, weight)

    def expected(self, prediction: Tensor) -> Tensor:
        """Return the probabilities of the classes.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, batch, n_classes)
        """
        return prediction.softmax(-1)

    def draw(self, prediction: Tensor, rng: np.random.Generator) -> Tensor:
        """Return choices, shape (n_measured, n_classes): 1 for the class that was chosen.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, n_classes)
        rng : numpy.random.Generator
        """
        # the largest of the log odds with Gumbel noise is each class with its probability
        noise = torch.from_numpy(rng.gumbel(size=prediction.shape))
        chosen = (prediction.double() + noise).argmax(-1)
        return one_hot(chosen, prediction.shape[-1]).to(prediction)

    def predicting(self, expected: Tensor) -> Tensor:
        """Return log odds that stand for probabilities.

        Parameters
        ----------
        expected : Tensor of shape (n_measured, batch, n_classes)
        """
        return expected.clamp(min=LEAST_PROBABILITY).log()
