"""Frames: images and video as columns of a stimulus."""

import math
from collections.abc import Sequence

from drmbids.data.tools.exceptions import UsageError


def frame_shape(frame: Sequence[int] | None, n_inputs: int, n_axes: int, kind: str) -> list[int]:
    """Return the shape of the frames that the first inputs of a population are.

    Parameters
    ----------
    frame : sequence of int or None
        As stated, ``(height, width)`` or ``(channels, height, width)``; None for one line of pixels
        as long as there are inputs.
    n_inputs : int
        Width of all afferents.
    n_axes : int
        How many numbers a shape has.
    kind : str
        Population, for the message.

    Returns
    -------
    list of int

    Raises
    ------
    UsageError
        If the shape is none, or has more pixels than there are inputs.

    Examples
    --------
    >>> frame_shape(None, 5, 3, "Conv"), frame_shape([8, 8], 70, 2, "ReceptiveField")
    ([1, 1, 5], [8, 8])
    """
    shape = [1] * (n_axes - 1) + [n_inputs] if frame is None else list(frame)
    if len(shape) != n_axes or min(shape) < 1:
        names = ", ".join(("channels", "height", "width")[-n_axes:])
        raise UsageError(f"the frame of {kind} is [{names}], each 1 or more; got {frame}")
    if math.prod(shape) > n_inputs:
        raise UsageError(
            f"{kind} takes frames of {' x '.join(map(str, shape))} = {math.prod(shape)} columns, "
            f"its afferents give {n_inputs}"
        )
    return shape
