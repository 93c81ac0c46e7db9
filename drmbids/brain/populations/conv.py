"""Convolutional populations: features of images and video."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from drmbids.brain.populations.base import (
    NONLINEARITIES,
    DRMPopulation,
    Nonlinearity,
    check_nonlinearity,
)
from drmbids.brain.populations.frames import frame_shape
from drmbids.data.tools.exceptions import UsageError


class Conv(DRMPopulation):
    """Layers of convolution over frames, averaged over patches of the field, and mapped to units.

    The first columns that arrive are the pixels of a frame, channel by channel and row by row.
    Columns beyond them, what other populations send say, reach the units through weights of their
    own. With ``n_frames`` above 1 filters see that many frames, the present one last, so that they
    can prefer motion; before the run the field is 0.

    Parameters
    ----------
    n_units, n_inputs : int
        Units, and width of all afferents together.
    frame : sequence of int, optional
        Channels, height and width of a frame in pixels; one line of all inputs when absent.
    filters : sequence of int
        Filters of each layer.
    kernel : int
        Height and width of filters in pixels, an odd number.
    stride : int
        Pixels from one place of a filter to the next.
    pool : int
        Patches across the height and the width of the field that the last layer is averaged over.
    n_frames : int
        Frames that the first layer sees.
    nonlinearity : {"linear", "relu", "tanh", "sigmoid", "elu", "softplus"}
        Of layers and units.

    Raises
    ------
    ModelError
        If the nonlinearity is unknown.
    UsageError
        If the frame does not fit the inputs, or a size is none.

    References
    ----------
    LeCun et al. 1998, Proc IEEE 86:2278; Seeliger et al. 2021, PLoS Comput Biol 17:e1008558 (on
    BOLD).

    Examples
    --------
    >>> import torch
    >>> population = Conv(5, 3 * 16 * 16, frame=[3, 16, 16], filters=[4, 8], n_frames=2)
    >>> activity, _ = population([torch.rand(10, 1, 768)], population.initial_state(1))
    >>> activity.shape
    torch.Size([10, 1, 5])
    """

    def __init__(
        self,
        n_units: int,
        n_inputs: int,
        frame: Sequence[int] | None = None,
        filters: Sequence[int] = (8, 16),
        kernel: int = 3,
        stride: int = 2,
        pool: int = 2,
        n_frames: int = 1,
        nonlinearity: Nonlinearity = "relu",
    ):
        super().__init__(n_units, n_inputs)
        self.frame = frame_shape(frame, n_inputs, 3, type(self).__name__)
        if not filters or min(*filters, kernel, stride, pool, n_frames) < 1 or kernel % 2 == 0:
            raise UsageError(
                "filters, kernel (odd), stride, pool and n_frames of Conv are 1 or more, got "
                f"{list(filters)}, {kernel}, {stride}, {pool}, {n_frames}"
            )
        self.nonlinearity = check_nonlinearity(nonlinearity)
        self.n_pixels, self.pool, self.n_frames = math.prod(self.frame), pool, n_frames
        widths = [n_frames * self.frame[0], *filters]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, kernel, stride, kernel // 2)
            for before, after in pairwise(widths)
        )
        self.to_units = nn.Linear(widths[-1] * pool * pool, n_units)
        n_more = n_inputs - self.n_pixels
        self.more = nn.Linear(n_more, n_units, bias=False) if n_more else None

    @classmethod
    def fewest_inputs(cls, n_units: int, options: dict[str, Any]) -> int:
        """Return the number of pixels of a frame."""
        return math.prod(options.get("frame") or [1])

    def initial_state(self, batch: int) -> Tensor:
        """Return the frames before the run: zero, shape (n_frames - 1, batch, n_pixels)."""
        return self.to_units.weight.new_zeros(self.n_frames - 1, batch, self.n_pixels)

    def forward(self, inputs: Sequence[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
        """Return activity of shape (L, batch, n_units) and the last frames."""
        x = inputs[0] if len(inputs) == 1 else torch.cat(tuple(inputs), dim=-1)
        n_ticks, batch = x.shape[:2]
        shown = torch.cat((state, x[..., : self.n_pixels]))
        field = torch.cat([shown[k : k + n_ticks] for k in range(self.n_frames)], -1)
        field = field.reshape(n_ticks * batch, -1, *self.frame[1:])
        apply = NONLINEARITIES[self.nonlinearity]
        for layer in self.layers:
            field = apply(layer(field))
        field = nn.functional.adaptive_avg_pool2d(field, self.pool)
        drive = self.to_units(field.flatten(1)).view(n_ticks, batch, -1)
        if self.more is not None:
            drive = drive + self.more(x[..., self.n_pixels :])
        return apply(drive), shown[n_ticks:]
