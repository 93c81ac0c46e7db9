"""ReactionTime: activity to the distribution of reaction times."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.readouts.averaging import AveragedReadout
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError


class ReactionTime(AveragedReadout):
    """Activity before a deadline, mapped linearly to the logarithm of the reaction time.

    Reaction times are log-normal given the activity: measurements and predictions are logarithms of
    seconds (:func:`~drmbids.reaction_time_stream` makes them), at a fixed time after the onset of
    each trial, so that no activity after that time counts as known. The squared error is then the
    likelihood up to a constant and the maps have their closed form. What the model leaves is the
    spread of the distribution: see :meth:`quantiles`.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds
        As for :class:`~drmbids.DRMReadout`.
    nuisance : Nuisance, optional
        What is fitted in each run on its own: a mean alone when absent.
    length : float
        Seconds of activity before the deadline.

    Raises
    ------
    ModelError
        If the length is not positive.

    References
    ----------
    Ratcliff 1993, Psychological Bulletin 114:510-532; van der Linden 2006, Journal of Educational
    and Behavioral Statistics 31:181-204 (log-normal response times).

    Examples
    --------
    >>> import torch
    >>> readout = ReactionTime(n_units=[2], n_targets=[1], length=0.5)
    >>> readout.set_resolution(0.1)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.tensor([0.6, 2.0])).shape
    torch.Size([2, 1, 1])
    """

    option_units: ClassVar = {"length": "s"}
    measures: ClassVar[str] = "reaction times"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        length: float = 0.5,
    ):
        nuisance = Nuisance("none") if nuisance is None else nuisance
        super().__init__(n_units, n_targets, sources, regions, n_confounds, nuisance, length)

    @staticmethod
    def quantiles(prediction: Tensor, errors: Tensor, at: Sequence[float]) -> Tensor:
        """Return quantiles of the reaction times of predicted trials, in seconds.

        Parameters
        ----------
        prediction : Tensor of shape (n_trials,)
            Logarithms of seconds.
        errors : Tensor of shape (n_errors,)
            Measured less predicted logarithms, of training runs or of runs held out before; the
            spread is theirs. NaN, where there was no answer, is left out.
        at : sequence of float
            Between 0 and 1.

        Returns
        -------
        Tensor of shape (n_trials, n_quantiles)

        Raises
        ------
        ModelError
            If a quantile is not between 0 and 1, or fewer than two trials were answered.

        Examples
        --------
        >>> import torch
        >>> errors = torch.tensor([-0.2, 0.0, 0.2, torch.nan])
        >>> ReactionTime.quantiles(torch.tensor([0.5]).log(), errors, [0.05, 0.5, 0.95])
        tensor([[0.3598, 0.5000, 0.6948]])
        """
        if not all(0 < q < 1 for q in at):
            raise ModelError(f"quantiles are between 0 and 1, got {list(at)}")
        left = errors[~errors.isnan()]
        if len(left) < 2:
            raise ModelError(f"a spread needs two answered trials or more, got {len(left)}")
        normal = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(list(at)))
        return (prediction[:, None] + left.std() * normal.to(prediction)).exp()
