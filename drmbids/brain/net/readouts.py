"""Readouts: several measurements of one brain, each with its own times, noise and loss."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from torch import Tensor, nn

from drmbids.brain.losses import LOSSES
from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.iterators.item import part_of
from drmbids.data.runs.align import ONLY
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError, UsageError


class Readouts(nn.Module):
    """Several readouts of the same populations.

    Each reads any of the populations, at its own measured times, and is trained for its own loss;
    the losses are added up by weight (:class:`~drmbids.DRM` says on what scale). Data come from
    ``DRMIterator.from_runs(runs, resolution, responses=readouts.responses, ...)``.

    Parameters
    ----------
    readouts : mapping of str to DRMReadout, or sequence of DRMReadout
        Each made for all populations of the net. Named ``M0, M1, ...`` when given as a sequence.
    weights : mapping of str to float, optional
        Weight of each loss, 0 or more; 1 where absent. Solved maps of a readout of weight 0 are
        fitted to what the others make of the net, and have no part in it; maps that are trained
        by gradient stay where they are.

    Raises
    ------
    ModelError
        If there is none, two have a region of one name or differ in the populations they are made
        for, or a weight is negative or belongs to no readout.

    Examples
    --------
    >>> from drmbids import BOLD, Choice
    >>> readouts = Readouts({
    ...     "bold": BOLD([3, 2], [10, 20], regions=["V1", "V2"]),
    ...     "behaviour": Choice([3, 2], [2], regions=["choice"]),
    ... })
    >>> readouts.responses
    {'bold': ('V1', 'V2'), 'behaviour': ('choice',)}
    """

    def __init__(
        self,
        readouts: Mapping[str, DRMReadout] | Sequence[DRMReadout],
        weights: Mapping[str, float] | None = None,
    ):
        super().__init__()
        if not isinstance(readouts, Mapping):
            readouts = {f"M{k}": readout for k, readout in enumerate(readouts)}
        for name in readouts:
            check_name(name)
        self.parts = nn.ModuleDict(readouts)
        self.weights = {name: 1.0 for name in self.parts} | dict(weights or {})
        regions = [region for part in readouts.values() for region in part.regions]
        twice = sorted({region for region in regions if regions.count(region) > 1})
        problems = []
        if not readouts:
            problems.append("readouts: give at least one")
        if twice:
            problems.append(f"readouts: regions {twice} belong to more than one; rename one")
        if len({part.n_units for part in readouts.values()}) > 1:
            sizes = {name: list(part.n_units) for name, part in readouts.items()}
            problems.append(f"readouts: made for different populations: units {sizes}")
        unknown = [name for name in self.weights if name not in self.parts]
        if unknown:
            problems.append(f"readouts: weights of {unknown}, there are {list(self.parts)}")
        if not all(0 <= w < math.inf for w in self.weights.values()) or not any(
            self.weights.values()
        ):
            problems.append(
                f"readouts: weights must be 0 or more and not all 0, got {self.weights}"
            )
        if problems:
            raise ModelError(problems)

    def items(self) -> Iterator[tuple[str, DRMReadout]]:
        """Yield names and readouts."""
        return iter(cast(Mapping[str, DRMReadout], self.parts).items())

    def __getitem__(self, name: str) -> DRMReadout:
        return cast(DRMReadout, self.parts[name])

    @property
    def readouts(self) -> list[DRMReadout]:
        """The readouts, in order."""
        return [part for _, part in self.items()]

    @property
    def memory(self) -> int:
        """Ticks of activity before a window that some of its measurements depend on."""
        return max(part.memory for part in self.readouts)

    @property
    def n_units(self) -> tuple[int, ...]:
        """Units of each population of the net."""
        return self.readouts[0].n_units

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions of all readouts."""
        return tuple(region for part in self.readouts for region in part.regions)

    @property
    def n_targets(self) -> tuple[int, ...]:
        """Targets of each region."""
        return tuple(n for part in self.readouts for n in part.n_targets)

    @property
    def responses(self) -> dict[str, tuple[str, ...]]:
        """Regions of each readout."""
        return {name: part.regions for name, part in self.items()}

    @property
    def nuisance(self) -> dict[str, Nuisance]:
        """What is fitted in each run on its own, by readout."""
        return {name: part.nuisance for name, part in self.items()}

    def linear_parameters(self) -> list[nn.Parameter]:
        """Return the maps of all readouts."""
        return [p for part in self.readouts for p in part.linear_parameters()]

    def set_resolution(self, resolution: float) -> None:
        """Set the seconds per tick of all readouts."""
        for part in self.readouts:
            part.set_resolution(resolution)

    def parameter_rows(self) -> list[dict[str, Any]]:
        """Return one row for each physical parameter, the readout before its name."""
        return [
            {**row, "parameter": f"{name}.{row['parameter']}"}
            for name, part in self.items()
            for row in part.parameter_rows()
        ]

    def forward(
        self,
        activity: Sequence[Tensor],
        times: Mapping[str, Tensor],
        confounds: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return the prediction of each readout, shape (n_measured, batch, n_targets).

        Parameters
        ----------
        activity : sequence of Tensor of shape (memory + n_ticks, batch, n_units)
        times : mapping of str to Tensor of shape (n_measured,)
            Measured times of each readout, in seconds from the start of the window.
        confounds : mapping of str to Tensor of shape (n_measured, batch, n_confounds), optional
        """
        return {
            name: part(
                _recent(activity, self.memory, part), times[name], (confounds or {}).get(name)
            )
            for name, part in self.items()
        }


#: What reads a net: one readout, or several.
AnyReadout = DRMReadout | Readouts


def check_name(name: str) -> None:
    """Raise unless a readout can be called so.

    Parameters
    ----------
    name : str

    Raises
    ------
    ModelError
        If it is no printable text without dots, or means something to torch, as ``"type"``.
    """
    if not name or "." in name or not name.isprintable():
        raise ModelError(f"readouts: the name {name!r} needs printable text without dots")
    if hasattr(nn.ModuleDict(), name):
        raise ModelError(f"readouts: the name {name!r} means something to torch")


def _recent(activity: Sequence[Tensor], memory: int, readout: DRMReadout) -> list[Tensor]:
    """Return activity with no more of the past than a readout has a memory."""
    return [a[memory - readout.memory :] for a in activity]


def by_name(readout: AnyReadout) -> dict[str, DRMReadout]:
    """Return the readouts by name, :data:`~drmbids.data.runs.align.ONLY` where there is but one."""
    return dict(readout.items()) if isinstance(readout, Readouts) else {ONLY: readout}


def loss_of(readout: DRMReadout) -> nn.Module:
    """Return the loss that suits a readout, with its default options.

    Parameters
    ----------
    readout : DRMReadout

    Examples
    --------
    >>> from drmbids import Choice
    >>> loss_of(Choice([2], [3]))
    CrossEntropy()
    """
    if readout.objective is not None:
        return readout.objective
    return LOSSES[readout.loss].for_targets(sum(readout.n_targets))


def features_at(
    readout: AnyReadout, activity: Sequence[Tensor], item: Mapping[str, Any]
) -> list[Tensor]:
    """Return the features of all regions of all readouts at the measured times of an item.

    Parameters
    ----------
    readout : DRMReadout or Readouts
    activity : sequence of Tensor of shape (memory + n_ticks, batch, n_units)
    item : mapping
        From a :class:`~drmbids.DRMIterator`; its times are looked at.
    """
    if not isinstance(readout, Readouts):
        return readout.features(activity, item["times"])
    return [
        x
        for name, part in readout.items()
        for x in part.features(
            _recent(activity, readout.memory, part), part_of(dict(item), name)["times"]
        )
    ]


def only_readout(readout: AnyReadout, what: str) -> DRMReadout:
    """Return the only readout of a net, for what does not serve several.

    Raises
    ------
    UsageError
        If there are several.
    """
    if isinstance(readout, Readouts):
        raise UsageError(
            f"{what}: made for one readout, the model has {list(readout.parts)}; "
            "use a model with one of them"
        )
    return readout


def one_of(readout: AnyReadout, name: str) -> DRMReadout:
    """Return a readout by its name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    there = by_name(readout)
    if name not in there:
        raise UsageError(f"no readout {name!r}; the model has {[n for n in there if n] or 'one'}")
    return there[name]
