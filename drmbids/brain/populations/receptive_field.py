"""Receptive fields: units that see a part of the visual field."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.populations.frames import frame_shape
from drmbids.data.tools.exceptions import UsageError

#: Share of the field below which the compressive response is a straight line: its slope at 0 has no
#: limit.
LEAST_SHARE = 1e-4

DUMOULIN = "Dumoulin and Wandell 2008, NeuroImage 39:647"
KAY = "Kay et al. 2013, J Neurophysiol 110:481"


class ReceptiveField(DRMPopulation):
    """Gaussian receptive fields (population receptive fields, pRF), one for each unit.

    ``y = (sum over pixels of stimulus * G)^exponent``, ``G`` the normal density with centre
    ``(x, y)`` and standard deviation ``size``, times the area of a pixel: a field that is all 1
    gives 1 where the receptive field lies within it. The gain is the readout's.

    The columns that arrive are the pixels of a frame row by row from the top left; ``y`` is up,
    ``x`` right, ``(0, 0)`` the centre of the field. Stimuli are apertures: 0 where there is nothing
    to see, 1 where there is.

    Parameters
    ----------
    n_units, n_inputs : int
        Units, and width of all afferents together.
    frame : sequence of int, optional
        Height and width of the field in pixels; one line of all inputs when absent.
    field_of_view : float
        Width of the field in degrees of visual angle. Pixels are squares.
    size : float, optional
        Standard deviation that receptive fields start from, in degrees; a tenth of the field, or
        half a pixel if that is more, when absent.
    compressive : bool
        Whether responses are compressed by a trained exponent between 0.01 and 1; else it is 1.
    trainable : bool
        Whether training moves centres, sizes and exponents.

    Raises
    ------
    UsageError
        If the frame does not fit the inputs, or a size is beyond its limits.

    References
    ----------
    Dumoulin and Wandell 2008, NeuroImage 39:647, equations 1 to 3; Kay et al. 2013, J Neurophysiol
    110:481 (compressive spatial summation).

    Examples
    --------
    >>> import torch
    >>> population = ReceptiveField(3, 20 * 20, frame=[20, 20], field_of_view=10.0)
    >>> activity, _ = population([torch.ones(5, 1, 400)], None)
    >>> activity.shape, population.parameter_specs["x"].unit
    (torch.Size([5, 1, 3]), 'deg')
    """

    option_units: ClassVar = {"field_of_view": "deg", "size": "deg"}

    def __init__(
        self,
        n_units: int,
        n_inputs: int,
        frame: Sequence[int] | None = None,
        field_of_view: float = 10.0,
        size: float | None = None,
        compressive: bool = False,
        trainable: bool = True,
    ):
        super().__init__(n_units, n_inputs)
        self.frame = frame_shape(frame, n_inputs, 2, type(self).__name__)
        if math.prod(self.frame) != n_inputs:
            raise UsageError(
                f"ReceptiveField sees a frame of {math.prod(self.frame)} columns and nothing else, "
                f"its afferents give {n_inputs}"
            )
        if not field_of_view > 0:
            raise UsageError(f"field_of_view must be positive, got {field_of_view!r} deg")
        self.field_of_view, self.compressive = float(field_of_view), compressive
        self.pixel = self.field_of_view / self.frame[1]
        side = max(self.field_of_view, self.pixel * self.frame[0])
        first = max(self.field_of_view / 10, self.pixel / 2) if size is None else float(size)
        for name, value, word in zip("xy", _spread(n_units), ("right of", "above"), strict=True):
            self._add(
                name,
                0.45 * (self.field_of_view if name == "x" else self.pixel * self.frame[0]) * value,
                "deg",
                f"centre of the receptive field, {word} the middle of the field",
                (-side, side),
                trainable,
            )
        meaning = "standard deviation of the receptive field"
        sizes = torch.full((n_units,), first)
        self._add("size", sizes, "deg", meaning, (self.pixel / 4, 2 * side), trainable)
        if compressive:
            half = torch.full((n_units,), 0.5)
            self._add("exponent", half, "1", "exponent of the response", (0.01, 1.0), trainable)

    def _add(
        self,
        name: str,
        value: Tensor,
        unit: str,
        meaning: str,
        limits: tuple[float, float],
        trainable: bool,
    ) -> None:
        self.add_parameter(
            name,
            value,
            unit=unit,
            meaning=meaning,
            lower=limits[0],
            upper=limits[1],
            trainable=trainable,
            source=KAY if name == "exponent" else DUMOULIN,
        )

    @classmethod
    def fewest_inputs(cls, n_units: int, options: dict[str, Any]) -> int:
        """Return the number of pixels of a frame."""
        return math.prod(options.get("frame") or [1])

    def fields(self) -> Tensor:
        """Return the receptive fields, shape (n_units, height * width): a weight for each pixel."""
        height, width = self.frame
        size = self.value("size")[:, None]
        like = size.new_ones(())
        across = (torch.arange(width, device=size.device) - (width - 1) / 2) * self.pixel * like
        down = ((height - 1) / 2 - torch.arange(height, device=size.device)) * self.pixel * like

        def density(places: Tensor, centre: Tensor) -> Tensor:
            z = (places - centre[:, None]) / size
            return torch.exp(-z * z / 2) * (self.pixel / math.sqrt(2 * math.pi) / size)

        rows, columns = density(down, self.value("y")), density(across, self.value("x"))
        return (rows.unsqueeze(-1) * columns.unsqueeze(-2)).flatten(1)

    def forward(self, inputs: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return activity of shape (L, batch, n_units) and the state, None."""
        x = inputs[0] if len(inputs) == 1 else torch.cat(tuple(inputs), dim=-1)
        share = x @ self.fields().mT
        if not self.compressive:
            return share, None
        exponent = self.value("exponent")
        seen = share.clamp(min=LEAST_SHARE)
        small = share / LEAST_SHARE * LEAST_SHARE**exponent
        return torch.where(share < LEAST_SHARE, small, seen**exponent), None

    def input_weights(self) -> Tensor | None:
        """Return the receptive fields; None where responses are compressed."""
        return None if self.compressive else self.fields()


def _spread(n: int) -> tuple[Tensor, Tensor]:
    """Return points that cover the unit disc evenly: a sunflower (Vogel 1979)."""
    k = torch.arange(n, dtype=torch.float64)
    radius, angle = ((k + 0.5) / n).sqrt(), k * math.pi * (3 - math.sqrt(5))
    return radius * torch.cos(angle), radius * torch.sin(angle)
