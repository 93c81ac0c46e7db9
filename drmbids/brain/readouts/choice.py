"""Choice: activity before a decision to the log odds of what is chosen."""

from collections.abc import Sequence
from typing import ClassVar

from drmbids.brain.readouts.averaging import AveragedReadout
from drmbids.data.runs.nuisance import NoNuisance, Nuisance


class Choice(AveragedReadout):
    """Mean activity before each choice, mapped linearly to the log odds of the classes.

    The measured times are those of the choices; what counts is the activity in the ``length``
    seconds that end there, ticks that lie across a border by the part within it. Predictions are
    log odds up to a constant, as :class:`~drmbids.CrossEntropy` takes them: the maps have no closed
    form and are trained by gradient by :class:`~drmbids.DRM`.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds
        As for :class:`~drmbids.DRMReadout`; the targets of a region are the classes of a choice.
    nuisance : Nuisance, optional
        Not used: nothing is fitted in each run on its own, as it would be different odds there.
    length : float
        Seconds of activity before the choice.

    Raises
    ------
    ModelError
        If the length is not positive.

    References
    ----------
    McFadden 1974, in Frontiers in Econometrics:105-142 (log odds linear in what bears on a choice);
    Gold and Shadlen 2007, Annual Review of Neuroscience 30:535-574 (decisions read from activity).

    Examples
    --------
    >>> import torch
    >>> readout = Choice(n_units=[2], n_targets=[3], length=0.5)
    >>> readout.set_resolution(0.1)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.tensor([0.6, 2.0])).shape
    torch.Size([2, 1, 3])
    """

    option_units: ClassVar = {"length": "s"}
    measures: ClassVar[str] = "choices"
    loss: ClassVar[str] = "cross_entropy"

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
        super().__init__(n_units, n_targets, sources, regions, n_confounds, NoNuisance(), length)
