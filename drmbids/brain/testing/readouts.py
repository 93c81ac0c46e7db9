"""The contract of readouts."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from drmbids.brain.readouts.base import DRMReadout
from drmbids.brain.testing.common import (
    DTYPES,
    check_copies,
    check_declared,
    check_gradients,
    randomise,
    require,
    require_equal,
    require_form,
    seeded,
)

N_TICKS = 24
# Seconds per tick: coarse, so that the memory of a hemodynamic response is few ticks.
RESOLUTION = 0.8
# Measured times in ticks: at a border, within ticks, two within one, a gap, the very last moment.
MEASURED = (0.0, 0.3, 2.0, 2.9, 7.5, 7.9, 8.0, 19.25, 23.0, 24.0)


def check_readout(
    build: Callable[..., DRMReadout],
    n_units: Sequence[int] = (3, 2),
    n_targets: Sequence[int] = (4, 5),
    device: str = "cpu",
) -> None:
    """Check that a readout keeps its contract.

    Shapes and types; irregular times, each predicted on its own; windows of any length, also such
    that hold no measurement, equal one window; no prediction depends on later activity; a batch
    equals its elements; shared confounds; state dict and copies; gradients; documentation.

    Parameters
    ----------
    build : callable
        The class, or a function of ``n_units``, ``n_targets`` and ``n_confounds``.
    n_units, n_targets : sequence of int
        Sizes to build.
    device : str
        Where to compute.

    Raises
    ------
    AssertionError
        If a promise is broken; the message names it.

    Examples
    --------
    >>> from drmbids import BOLD
    >>> check_readout(BOLD)
    """
    with seeded():
        times = torch.tensor(MEASURED, device=device, dtype=torch.float64) * RESOLUTION
        for dtype, tolerance in DTYPES.items():
            single = _built(build, n_units, n_targets, device, dtype)
            given = _activity(single, device, dtype)
            _check_forms(single, given, times)
            _check_times(single, given, times, tolerance)
            _check_windows(single, given, times, tolerance)
            _check_causality(single, given, times, tolerance)
            _check_confounds(single, given, times, tolerance)
        readout, fresh = (
            _built(build, n_units, n_targets, device, torch.float64) for _ in range(2)
        )
        activity = _activity(readout, device, torch.float64)
        confounds = activity[0].new_zeros(len(times), 2, 1)
        check_declared(readout)
        check_copies(readout, fresh, lambda r: r(activity, times, confounds))
        few, short = times[[1, 3]], [a[: readout.memory + 3, :1] for a in activity]
        # ticks all over the memory, but few: each costs two predictions
        ticks = torch.arange(len(short[0]) - 1, -1, -(len(short[0]) // N_TICKS + 1), device=device)

        def predict(r: DRMReadout, *some: Tensor) -> Tensor:
            given = [a.index_copy(0, ticks, x) for a, x in zip(short, some, strict=True)]
            return r(given, few, confounds[:2, :1])

        check_gradients(readout, predict, [a[ticks] for a in short])


def _built(
    build: Callable[..., DRMReadout],
    n_units: Sequence[int],
    n_targets: Sequence[int],
    device: str,
    dtype: torch.dtype,
) -> DRMReadout:
    """Return a readout with one shared confound and weights that are not zero."""
    readout = build(n_units=n_units, n_targets=n_targets, n_confounds=1)
    readout = readout.to(device=device, dtype=dtype)
    readout.set_resolution(RESOLUTION)
    randomise(readout)
    return readout


def _activity(readout: DRMReadout, device: str, dtype: torch.dtype) -> list[Tensor]:
    """Return activity of all populations, two runs side by side."""
    past = readout.memory + N_TICKS
    return [torch.randn(past, 2, n, device=device, dtype=dtype) for n in readout.n_units]


def _predict(readout: DRMReadout, activity: Sequence[Tensor], times: Tensor) -> Tensor:
    like = activity[0]
    return readout(activity, times, like.new_zeros(len(times), like.shape[1], 1))


def _check_forms(readout: DRMReadout, activity: Sequence[Tensor], times: Tensor) -> None:
    name, batch = type(readout).__name__, activity[0].shape[1]
    memory = readout.memory
    require(isinstance(memory, int) and memory >= 0, f"{name}: memory is {memory!r}, not ticks")
    total = sum(readout.n_targets)
    prediction = _predict(readout, activity, times)
    require_form(prediction, (len(times), batch, total), activity[0], f"{name}: prediction")
    features = readout.features(activity, times)
    require(
        len(features) == len(readout.regions),
        f"{name}: features of {len(features)} regions, not {len(readout.regions)}",
    )
    for k, x in enumerate(features):
        wanted = (len(times), batch, readout.n_features(k))
        require_form(x, wanted, activity[0], f"{name}: features of region {k}")
    own = {id(p) for p in readout.parameters()}
    closed = all(id(p) in own for p in readout.linear_parameters())
    require(closed, f"{name}: linear_parameters gives tensors that are no parameters of it")


def _check_times(
    readout: DRMReadout, activity: Sequence[Tensor], times: Tensor, tolerance: float
) -> None:
    """Check that each time is predicted on its own, none included."""
    name, whole = type(readout).__name__, _predict(readout, activity, times)
    for rows in ([0], [3], [1, 4, 7], []):
        where = torch.tensor(rows, dtype=torch.long, device=times.device)
        got = _predict(readout, activity, times[where])
        message = f"{name}: the prediction at a time depends on the other times"
        require_equal(got, whole[where], tolerance, message)
    alone = [_predict(readout, [a[:, k : k + 1] for a in activity], times) for k in range(2)]
    message = f"{name}: a batch differs from its elements"
    require_equal(torch.cat(alone, dim=1), whole, tolerance, message)


def _check_windows(
    readout: DRMReadout, activity: Sequence[Tensor], times: Tensor, tolerance: float
) -> None:
    """Check that windows, each with its past before it, give what one window gives."""
    name, memory = type(readout).__name__, readout.memory
    whole = _predict(readout, activity, times)
    due = torch.floor(times / RESOLUTION + 1e-4).clamp(0, N_TICKS - 1)
    for length in (1, 5, 8, 23):
        parts = []
        for start in range(0, N_TICKS, length):
            stop = min(start + length, N_TICKS)
            rows = (due >= start) & (due < stop)
            seen = [a[start : memory + stop] for a in activity]
            parts.append(_predict(readout, seen, times[rows] - start * RESOLUTION))
        message = f"{name}: windows of {length} ticks differ from one window"
        # hemodynamic matrices may round lags to about 1e-7 s
        require_equal(torch.cat(parts), whole, max(tolerance, 1e-9), message)


def _check_causality(
    readout: DRMReadout, activity: Sequence[Tensor], times: Tensor, tolerance: float
) -> None:
    name, whole = type(readout).__name__, _predict(readout, activity, times)
    for row, time in enumerate(times.tolist()):
        later = readout.memory + int(-(-time // RESOLUTION))  # first tick that starts at or after
        other = [torch.cat((a[:later], torch.randn_like(a[later:]))) for a in activity]
        message = f"{name}: the prediction at {time:g} s depends on later activity"
        require_equal(_predict(readout, other, times)[row], whole[row], tolerance, message)


def _check_confounds(
    readout: DRMReadout, activity: Sequence[Tensor], times: Tensor, tolerance: float
) -> None:
    name, whole = type(readout).__name__, _predict(readout, activity, times)
    confounds = torch.randn(len(times), 2, 1).to(activity[0])
    wanted = whole + confounds @ readout.confound_weights
    message = f"{name}: confounds do not enter with their weights"
    require_equal(readout(activity, times, confounds), wanted, tolerance, message)
