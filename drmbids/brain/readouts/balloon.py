"""Balloon: activity through blood flow, volume and oxygen to voxels."""

import math
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from drmbids.brain.readouts.base import DRMReadout
from drmbids.brain.readouts.hemodynamics import memory_ticks
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.loops.fixed import Fixed, remembered
from drmbids.maths.signals.balloon import balloon, blood_flow, bold_signal

#: Constants to start from. ``efficacy`` is half of ``autoregulation``: sustained activity of 1 then
#: raises blood flow by half, as a strong stimulus does in visual cortex (Fox and Raichle 1986,
#: PNAS 83:1140-1144).
BALLOON = {
    "stephan2007": {
        "efficacy": 0.16,
        "decay": 0.64,
        "autoregulation": 0.32,
        "transit": 2.0,
        "stiffness": 0.32,
        "extraction": 0.4,
        "ratio": 1.0,
    },
    "friston2003": {
        "efficacy": 0.205,
        "decay": 0.65,
        "autoregulation": 0.41,
        "transit": 0.98,
        "stiffness": 0.32,
        "extraction": 0.34,
        "ratio": 1.0,
    },
}

#: Limits: about half to twice what was estimated over voxels and subjects (Friston et al. 2000,
#: NeuroImage 12:466-477, figure 7). Within them no state takes longer than 6 s to decay by 1/e.
BALLOON_LIMITS = {
    "efficacy": (0.0, 2.0),
    "decay": (0.35, 1.0),
    "autoregulation": (0.15, 1.0),
    "transit": (0.3, 5.0),
    "stiffness": (0.1, 0.6),
    "extraction": (0.15, 0.8),
    "ratio": (0.05, 3.0),
}

_MEANING = {
    "efficacy": ("1/s^2", "vasodilatory signal that a unit of activity gives rise to"),
    "decay": ("1/s", "decay of the vasodilatory signal"),
    "autoregulation": ("1/s^2", "feedback of blood flow on the vasodilatory signal"),
    "transit": ("s", "mean transit time through the veins at rest"),
    "stiffness": ("1", "Grubb's exponent of volume over flow"),
    "extraction": ("1", "oxygen extraction fraction at rest"),
    "ratio": ("1", "intravascular over extravascular signal"),
}

#: What training moves: the others change the signal in nearly the same ways (Stephan et al. 2007).
_TRAINED = ("efficacy", "decay", "autoregulation", "transit")

#: Longest step of integration in seconds: the error is then below 1% of the signal's standard
#: deviation, and falls with the square of the step.
LONGEST_STEP = 0.2


class Balloon(DRMReadout):
    """Activity through the balloon model, mapped linearly to the voxels of regions.

    Every unit drives a balloon of its own, whose BOLD signal is a feature: the response to a strong
    or a long stimulus is not that to a weak or a short one scaled or added up, as it is with
    :class:`~drmbids.BOLD`. Parameters are shared by all regions, or each region has its own.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`.
    constants : {"stephan2007", "friston2003"}
        Constants to start from, or to keep when not trainable.
    per_region : bool
        Whether each region has parameters of its own.
    trainable : bool
        Whether training moves efficacy, decay, autoregulation and transit time.
    echo_time : float
        Seconds.
    length : float
        Seconds of activity before a window that are gone through, from rest.

    Raises
    ------
    ModelError
        If the constants are unknown, or echo time or length are not positive.

    Notes
    -----
    A run starts at rest. A later window starts at rest too, ``length`` seconds before it, which
    leaves an error of about ``exp(-decay length / 2)`` of the signal: 1e-9 at the constants of
    Stephan et al. 2007, and 7e-5 at the slowest that the limits allow. Flow below half of that at
    rest is bent (:func:`~drmbids.maths.signals.balloon.blood_flow`).

    References
    ----------
    Friston et al. 2000, NeuroImage 12:466-477; Friston et al. 2003, NeuroImage 19:1273-1302;
    Stephan et al. 2007, NeuroImage 38:387-401.

    Examples
    --------
    >>> import torch
    >>> readout = Balloon(n_units=[2], n_targets=[5])
    >>> readout.set_resolution(0.5)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.arange(0.0, 20.0, 2.0)).shape
    torch.Size([10, 1, 5])
    """

    option_units: ClassVar = {"echo_time": "s", "length": "s"}
    measures: ClassVar[str] = "bold"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        constants: Literal["stephan2007", "friston2003"] = "stephan2007",
        per_region: bool = False,
        trainable: bool = True,
        echo_time: float = 0.04,
        length: float = 64.0,
    ):
        super().__init__(n_units, n_targets, sources, regions, n_confounds, nuisance)
        if constants not in BALLOON:
            raise ModelError(
                f"unknown constants {constants!r}; choose one of: {', '.join(BALLOON)}"
            )
        if echo_time <= 0 or length <= 0:
            raise ModelError(f"need echo_time > 0 and length > 0, got {echo_time} and {length}")
        self.constants, self.per_region, self.trainable = constants, per_region, trainable
        self.echo_time, self.length = float(echo_time), float(length)
        n_balloons = len(self.regions) if per_region else 1
        for name, value in BALLOON[constants].items():
            lower, upper = BALLOON_LIMITS[name]
            unit, meaning = _MEANING[name]
            self.add_parameter(
                name,
                torch.full((n_balloons,), value),
                unit=unit,
                meaning=meaning,
                lower=lower,
                upper=upper,
                trainable=trainable and name in _TRAINED,
                source="Friston et al. 2003"
                if constants == "friston2003"
                else "Stephan et al. 2007",
            )

        widths = [self.n_features(k) for k in range(len(self.regions))]
        which = [k if per_region else 0 for k, n in enumerate(widths) for _ in range(n)]
        self._balloons = Fixed(torch.tensor(which))
        self._measured: dict[Hashable, tuple[Tensor, Tensor]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_measured": {}}

    def _steps(
        self, times: Tensor, step: float, n_steps: int, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return the step before each measured time, and the share of the way to the next."""

        def find() -> tuple[Tensor, Tensor]:
            at = times.double() / step + self.memory * round(self.resolution / step)
            before = at.floor().long().clamp(max=n_steps - 2)
            return before.to(device), (at - before).to(device)

        key = (tuple(times.tolist()), step, n_steps, self.memory, device)
        return remembered(self._measured, key, find)

    @property
    def memory(self) -> int:
        """Ticks of activity before a window that the balloons go through, from rest."""
        return memory_ticks(self.length, self.resolution)

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return the BOLD signals of all units, (n_measured, batch, n_features) per region."""
        widths = [self.n_features(k) for k in range(len(self.regions))]
        read = torch.cat([activity[s] for line in self.sources for s in line], -1)
        index = self._balloons.on(read.device)
        of = {name: self.value(name)[index] for name in BALLOON_LIMITS}

        n_parts = math.ceil(self.resolution / LONGEST_STEP - 1e-9)
        step = self.resolution / n_parts
        flow = blood_flow(
            read.repeat_interleave(n_parts, 0),
            step,
            of["efficacy"],
            of["decay"],
            of["autoregulation"],
        )
        volume, amount = balloon(flow, step, of["transit"], of["stiffness"], of["extraction"])

        # between the borders of two steps states change evenly
        before, share = self._steps(times, step, len(flow), read.device)
        share = share.to(read.dtype)[:, None, None]
        volume, amount = (torch.lerp(x[before], x[before + 1], share) for x in (volume, amount))
        signal = bold_signal(volume, amount, of["extraction"], of["ratio"], self.echo_time)
        return list(signal.split(widths, -1))
