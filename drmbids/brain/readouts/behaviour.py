"""Behaviour: activity to what a body does at every moment."""

from collections.abc import Sequence
from typing import ClassVar

from drmbids.brain.readouts.averaging import AveragedReadout
from drmbids.data.runs.nuisance import Nuisance


class Behaviour(AveragedReadout):
    """Recent activity mapped linearly to continuous behaviour, such as the velocity of a hand.

    Activity is averaged over windows of ``length`` seconds, ``n_windows`` of them one before the
    other, the last of which ends ``lag`` seconds before the movement; each is a feature of every
    unit, so that the solved maps find how long before a movement each unit acts. With windows as
    long as the bins of a decoder this is a Wiener filter on the activity of a model.
    :class:`~drmbids.Choice` and :class:`~drmbids.ReactionTime` are for single acts.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`; targets are coordinates, velocities, forces.
    length : float, optional
        Seconds of a window; one tick when absent.
    lag : float
        Seconds by which behaviour follows activity.
    n_windows : int
        Number of windows.

    Raises
    ------
    ModelError
        If the length is not positive, the lag is negative, or there is no window.

    References
    ----------
    Carmena et al. 2003, PLoS Biology 1:e42 (linear decoding of movement from activity in windows).

    Examples
    --------
    >>> import torch
    >>> readout = Behaviour(n_units=[4], n_targets=[2], length=0.05, n_windows=3)
    >>> readout.set_resolution(0.05)
    >>> activity = torch.rand(readout.memory + 40, 1, 4)
    >>> readout([activity], torch.arange(0.05, 2.0, 0.05)).shape, readout.n_features(0)
    (torch.Size([39, 1, 2]), 12)
    """

    measures: ClassVar[str] = "continuous behaviour"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        length: float | None = None,
        lag: float = 0.0,
        n_windows: int = 1,
    ):
        super().__init__(
            n_units, n_targets, sources, regions, n_confounds, nuisance, length, lag, n_windows
        )
