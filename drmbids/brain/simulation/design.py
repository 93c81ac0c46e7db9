"""What a simulated participant meets: random events, random head motion, random gains of voxels."""

from collections.abc import Sequence

import numpy as np
import torch

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import by_name
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import UsageError

#: Six rigid-body motion columns as fMRIPrep names them: translations in mm, rotations in rad.
MOTION_COLUMNS = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")

#: Size of one volume's step of the random walk that stands for head motion: over ten minutes the
#: head then moves some tenths of a millimetre and some thousandths of a radian.
MOTION_STEP = (0.02, 0.02, 0.02, 0.0004, 0.0004, 0.0004)

#: Seconds for which events last. Short and long ones together tell a time constant, which shapes
#: the rise, from feedback, which shapes what follows.
DURATIONS_S = (1.0, 2.0, 4.0, 8.0, 12.0)

#: Least and greatest pause between events in seconds.
PAUSES_S = (2.0, 9.0)


def random_events(
    conditions: Sequence[str],
    duration: float,
    rng: np.random.Generator,
    durations: Sequence[float] = DURATIONS_S,
    pauses: tuple[float, float] = PAUSES_S,
) -> Events:
    """Draw events one after the other, every condition as often as the others (give or take one).

    Parameters
    ----------
    conditions : sequence of str
    duration : float
        Seconds of the run; no event ends after it.
    rng : numpy.random.Generator
    durations : sequence of float
        Seconds, each as likely.
    pauses : tuple of float
        Least and greatest pause between two events in seconds, drawn evenly.

    Returns
    -------
    Events
        Onsets in tenths of a second.

    Raises
    ------
    UsageError
        If the run has no room for one event.

    Examples
    --------
    >>> events = random_events(["a", "b"], 60.0, np.random.default_rng(0))
    >>> sorted(set(events.conditions))
    ['a', 'b']
    """
    rows: list[tuple[float, float, str]] = []
    waiting: list[str] = []
    onset = rng.uniform(*pauses)
    while onset + max(durations) <= duration:
        if not waiting:
            waiting = [str(name) for name in rng.permutation(list(conditions))]
        rows.append((round(onset, 1), float(rng.choice(durations)), waiting.pop()))
        onset += rows[-1][1] + rng.uniform(*pauses)
    if not rows:
        raise UsageError(
            f"a run of {duration:g} s has no room for an event of {max(durations):g} s"
        )
    onsets, lasting, names = zip(*rows, strict=True)
    return Events(onsets, lasting, names, columns=list(conditions))


def random_motion(times: np.ndarray, rng: np.random.Generator) -> Stream:
    """Draw head motion: a random walk in each of six directions.

    Parameters
    ----------
    times : array of shape (n_volumes,)
        Seconds.
    rng : numpy.random.Generator

    Returns
    -------
    Stream
        Columns :data:`MOTION_COLUMNS`, in mm and rad.
    """
    steps = rng.standard_normal((len(times), len(MOTION_COLUMNS))) * MOTION_STEP
    return Stream(np.cumsum(steps, axis=0), times, columns=MOTION_COLUMNS)


def draw_gains(
    net: DRMNet, rng: np.random.Generator, mean: float = 1.0, silent: float = 0.25
) -> None:
    """Fill the maps of readouts in place: each target sees its region's units with random gains.

    Parameters
    ----------
    net : DRMNet
    rng : numpy.random.Generator
    mean : float
        Mean gain of the targets that respond.
    silent : float
        Share of targets that see nothing, as voxels of a mask that hold no responding tissue.

    Notes
    -----
    Gains follow a gamma distribution of shape 2: positive, many small, few large.
    """
    with torch.no_grad():
        for weights in (w for part in by_name(net.readout).values() for w in part.weights):
            n_features, n_targets = weights.shape
            gains = rng.gamma(2.0, mean / 2.0, size=(n_features, n_targets))
            gains[:, rng.permutation(n_targets)[: round(silent * n_targets)]] = 0.0
            weights.copy_(torch.as_tensor(gains))
