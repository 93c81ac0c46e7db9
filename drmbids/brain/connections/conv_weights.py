"""Convolution as the weights of a connection: the same filters at every place."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from drmbids.brain.connections.weights import Sign, Weights
from drmbids.data.tools.exceptions import UsageError


class ConvWeights(Weights):
    """Filters over units that are arranged as channels, rows and columns.

    Parameters
    ----------
    n_from, n_to : int
        Units of the source, and units that arrive: filters times places.
    frame : sequence of int, optional
        Channels, height and width of the units of the source; one line when absent.
    filters : int
        Filters.
    kernel : int
        Height and width of filters, an odd number.
    stride : int
        Units from one place of a filter to the next.
    sign : {"free", "positive", "negative"}
        Sign of all weights.

    Raises
    ------
    UsageError
        If sizes do not fit.

    Examples
    --------
    >>> weights = ConvWeights(16, 8, frame=[1, 4, 4], filters=2, stride=2)
    >>> weights(torch.ones(5, 1, 16)).shape
    torch.Size([5, 1, 8])
    """

    def __init__(
        self,
        n_from: int,
        n_to: int,
        frame: Sequence[int] | None = None,
        filters: int = 1,
        kernel: int = 3,
        stride: int = 1,
        sign: Sign = "free",
    ):
        super().__init__(n_from, n_to, sign)
        self.frame = [1, 1, n_from] if frame is None else list(frame)
        if min(filters, kernel, stride) < 1 or kernel % 2 == 0:
            raise UsageError(
                f"filters, kernel (odd) and stride are 1 or more, got {filters}, {kernel}, {stride}"
            )
        options = {"frame": self.frame, "filters": filters, "stride": stride}
        wanted = self.arriving(n_from, n_to, options)
        if len(self.frame) != 3 or math.prod(self.frame) != n_from or n_to != wanted:
            raise UsageError(
                f"{filters} filters over a frame of {self.frame} at stride {stride} take "
                f"{math.prod(self.frame)} units and give {wanted}, got {n_from} -> {n_to}"
            )
        self.stride, self.padding = stride, kernel // 2
        scale = 1 / (kernel * math.sqrt(self.frame[0]))
        self.weight = nn.Parameter(scale * torch.randn(filters, self.frame[0], kernel, kernel))

    @classmethod
    def arriving(cls, n_from: int, n_to: int, options: dict[str, Any]) -> int:
        """Return how many units arrive: filters times places."""
        frame = options.get("frame") or [1, 1, n_from]
        stride = options.get("stride", 1)
        return options.get("filters", 1) * math.prod(-(-side // stride) for side in frame[1:])

    def hold_signs(self, signs: Tensor) -> None:
        """Hold the sign of all weights; filters are shared, so it is one for all units.

        Raises
        ------
        UsageError
            If units have different signs.
        """
        if len(signs.unique()) > 1:
            raise UsageError("filters are shared by all units, which must have one sign")
        super().hold_signs(signs)

    def _filters(self) -> Tensor:
        sign = self.signs[0]
        return torch.where(sign == 0, self.weight, self.weight.abs() * sign)

    def matrix(self) -> Tensor:
        """Return the weights, shape (n_to, n_from)."""
        units = torch.eye(self.n_from, dtype=self.weight.dtype, device=self.weight.device)
        return self(units[:, None])[:, 0].mT

    def weight_matrix(self) -> Tensor:
        """Return the filters, a row each, which a prior may be set on."""
        return self._filters().flatten(1)

    def forward(self, activity: Tensor) -> Tensor:
        """Return what leaves the source, shape (L, batch, n_to), filter by filter."""
        frames = activity.reshape(-1, *self.frame)
        field = nn.functional.conv2d(frames, self._filters(), None, self.stride, self.padding)
        return field.reshape(*activity.shape[:2], -1)
