"""Objective: what one readout of a net is trained for, and how far that has come."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.losses.summary import SummaryLoss
from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.iterators.item import Item
from drmbids.data.runs.align import ONLY
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.maps.evidence import EvidenceSolver
from drmbids.fit.maps.map_training import Maps, MapTrainer
from drmbids.fit.maps.passes import RunData
from drmbids.fit.maps.solver import Choice, MapSolver, Solution, squared_error
from drmbids.fit.training.parallel import Workers
from drmbids.fit.training.runners import Features
from drmbids.fit.training.summaries import Summary
from drmbids.maths.estimation.masked import mean_of_targets


class Objective:
    """What one readout of a net is trained for: its targets, its loss, and its maps.

    A pass that looks ahead (:attr:`looks_ahead`) comes before gradients are taken where the loss of
    a window depends on all others: maps are solved from the features of all runs, and a
    :class:`~drmbids.brain.losses.summary.SummaryLoss` is a function of sums over whole runs. The
    calls are, in this order, :meth:`begin`, :meth:`observe` for every window, :meth:`complete` and
    :meth:`settle`; then :meth:`window_loss` for every window in the same order.

    Parameters
    ----------
    readout : DRMReadout
    loss : Module
        Used where maps are not solved.
    solve : bool
        Whether maps are solved.
    alphas : float, sequence of float or None
        Penalties of solved maps to choose from.
    name : str
        Of the readout, where there are several.
    weight : float
        Of the loss among those of several readouts.
    maps : {"solved", "evidence", "trained"}
        How maps are solved: at once, with a penalty for each target or averaged by their evidence
        (:mod:`drmbids.fit.maps.evidence`), or step by step (:mod:`drmbids.fit.maps.map_training`).
    unit_bands : sequence of Tensor of int, optional
        For each population the band of each of its units.

    Attributes
    ----------
    targets : RunData
        Of all training runs.
    unseen : RunData or None
        Of the validation runs.
    n_measured : int
        Elements of the targets that were measured.
    solver : MapSolver or EvidenceSolver or MapTrainer or None
    solution : Solution or None
        Of the maps, in the epoch that is under way.
    """

    def __init__(
        self,
        readout: DRMReadout,
        loss: nn.Module,
        solve: bool,
        alphas: float | Sequence[float] | None = None,
        name: str = ONLY,
        weight: float = 1.0,
        maps: Maps = "solved",
        unit_bands: Sequence[Tensor] | None = None,
    ):
        self.readout, self.loss, self.solve, self.alphas = readout, loss, solve, alphas
        self.name, self.weight, self.maps = name, weight, maps
        self.unit_bands = unit_bands
        self._limits = (1.0, 0.0)
        self.solver: MapSolver | EvidenceSolver | MapTrainer | None = None
        self.solution: Solution | None = None
        self.unseen: RunData | None = None
        terms = loss.terms() if isinstance(loss, DRMLoss) else [(1.0, loss)]
        self._terms = [(w, part) for w, part in terms if not isinstance(part, SummaryLoss)]
        self._whole = [(w, part) for w, part in terms if isinstance(part, SummaryLoss)]
        self._summaries: list[tuple[float, Summary]] = []
        self._gathered: RunData | None = None
        self._complete: list[list[Tensor]] = []
        self._total, self._count = 0.0, 0

    def attach(self, targets: RunData, unseen: RunData | None) -> None:
        """Take the targets of all training runs, and of this worker's validation runs."""
        self.targets, self.unseen = targets, unseen
        self.n_measured = count_measured(targets)
        weighted = targets.get("weight") or (unseen is not None and unseen.get("weight"))
        if not self.solve and self._whole and weighted:
            raise UsageError(
                f"{type(self._whole[0][1]).__name__} compares whole runs, in which elements have "
                "no weights; take the weights off the responses"
            )
        if isinstance(self.loss, DRMLoss):
            for series in (data.get("response") for data in (targets, unseen) if data is not None):
                for target in series:
                    self.loss.check_target(target)
        if not self.solve and self._whole:
            self._stir()
        several = self.name != ONLY
        if several and not self.n_measured:
            raise DataError(f"readout {self.name!r}: no run has a measured sample of it")
        if self.solve:
            return
        if isinstance(self.loss, DRMLoss):
            fresh = not any(bool(p.any()) for p in self.readout.linear_parameters())
            measured = _of_all_runs(targets) if fresh or several else []
            if fresh:
                self._start(self.loss, *measured)
            if several:
                self._limits = self.loss.limits(*measured)
        elif several:
            raise UsageError(
                f"readout {self.name!r}: the loss of one of several readouts has to be a "
                f"DRMLoss, whose limits say on what scale it is; got {type(self.loss).__name__}"
            )

    @torch.no_grad()
    def _stir(self) -> None:
        """Draw maps that are zero: statistics of a constant prediction have no slope.

        The numbers are the same in every process, and take none from those of the user.
        """
        maps = self.readout.weights
        if not any(bool(w.any()) for w in maps):
            generator = torch.Generator().manual_seed(0)
            for w in maps:
                w.copy_(torch.randn(w.shape, generator=generator) / max(1, len(w)) ** 0.5)

    @torch.no_grad()
    def _start(self, loss: DRMLoss, measured: Tensor, weight: Tensor | None = None) -> None:
        """Let maps start at the null model, the mean of each target.

        Otherwise upstream parameters, a time constant above all, move far away to make a constant
        of the activity while the bias is on its way.
        """
        mean = mean_of_targets(measured.double(), weight)
        like, regions = self.readout.bias, range(len(self.readout.regions))
        nothing = [like.new_zeros(1, 1, self.readout.n_features(k)) for k in regions]
        # what a readout adds on its own, such as the width of a bin
        own = self.readout.map_features(nothing, like.new_zeros(1, 1, self.readout.n_confounds))
        self.readout.bias += loss.predicting(mean)[0, 0].to(own) - own[0, 0]

    def on_common_scale(self, loss: float) -> float:
        """Return a loss on the scale that several readouts share: 1 explains nothing, 0 all."""
        null, least = self._limits
        return (loss - least) / (null - least if null > least else 1.0)

    @property
    def slope(self) -> float:
        """What a loss of 1 more adds on the scale that several readouts share."""
        return self.on_common_scale(1.0) - self.on_common_scale(0.0)

    @property
    def in_nats(self) -> bool:
        """Whether the loss is the mean negative log-likelihood of an element."""
        likely = isinstance(self.loss, DRMLoss) and self.loss.in_nats
        return likely and not self.solve and self.name == ONLY

    @property
    def looks_ahead(self) -> bool:
        """Whether a pass over all windows has to come before the one that gives gradients."""
        return self.solve or bool(self._whole)

    def passive(self) -> list[nn.Parameter]:
        """Return the parameters that follow the others: solved maps."""
        return self.readout.linear_parameters() if self.solve else []

    def begin(self, n_runs: int) -> None:
        """Begin a pass that looks ahead, over data with so many runs."""
        self.solution, self._complete, self._gathered = None, [], RunData(n_runs)
        whole = [] if self.solve else self._whole
        self._summaries = [(w, Summary(loss, self.readout, n_runs)) for w, loss in whole]

    def observe(self, item: Item, features: Features) -> None:
        """Take note of one window of the pass that looks ahead."""
        seen = [x.detach() for x in features]
        if self.solve and self._gathered is not None:
            self._gathered.add_features(item, seen)
        elif self._summaries:
            prediction = self.predict(item, seen)
            for _, summary in self._summaries:
                summary.add(item, prediction)

    def complete(self, workers: Workers) -> None:
        """Add what the other workers have seen."""
        for _, summary in self._summaries:
            summary.complete(workers)
        if self.solve and self._gathered is not None:
            n_regions = len(self.readout.regions)
            self._complete = workers.features(self._gathered, self.targets, n_regions)

    def settle(self) -> bool:
        """Solve for what all windows depend on; False where it is not finite."""
        complete, self._complete, self._gathered = self._complete, [], None
        if not self.solve:
            return all([summary.settle() for _, summary in self._summaries])
        finite = all(bool(torch.isfinite(x).all()) for region in complete for x in region)
        if finite:
            self.solution = self.map_solver().solve(complete)
        return finite

    def map_solver(self) -> MapSolver | EvidenceSolver | MapTrainer:
        """Return what solves the maps, or trains them, the same in all epochs."""
        if self.solver is None:
            if self.maps == "solved":
                self.solver = MapSolver(self.readout, self.targets, self.alphas)
            elif self.maps == "evidence":
                self.solver = EvidenceSolver(self.readout, self.targets, self.unit_bands)
            else:
                self.solver = MapTrainer(self.readout, self.targets)
        return self.solver

    def hold_penalties(self, is_held: bool) -> list[Choice]:
        """Keep the penalties of solved maps as they are, or choose them anew in each pass.

        Returns
        -------
        list of Choice
            What was chosen last; empty where there is nothing to choose from.
        """
        if isinstance(self.solver, EvidenceSolver):
            self.solver.is_held = is_held
        if not isinstance(self.solver, MapSolver):
            return []
        self.solver.is_held = is_held
        if max(len(self.solver.alphas), *map(len, self.solver.weightings)) == 1:
            return []
        return [choice for choice in self.solver.last if choice is not None]

    def map_group(self, learning_rate: float) -> dict[str, Any] | None:
        """Return maps that move by gradient as a group of an optimizer, None where none do."""
        if not self.solve or self.maps != "trained":
            return None
        solver = self.map_solver()
        assert isinstance(solver, MapTrainer)
        return solver.group(learning_rate)

    def predict(self, item: Item, features: Features) -> Tensor:
        """Return the prediction of one window, shape (n_measured, batch, n_targets)."""
        return self.readout.map_features(features, item["confounds"])

    def window_loss(self, item: Item, features: Features, count: int) -> Tensor:
        """Return the share of one window in the mean loss over ``count`` measured elements."""
        if self.solution is not None:
            return self.solution.loss(item, features, count)
        if self.solve or not len(item["times"]):  # not solved: activity is not finite
            return features[0].sum() * 0.0
        prediction, target = self.predict(item, features), item["response"]
        counted, amount = _counted(item)
        share = amount / max(count, 1)
        parts = [
            factor * summary.window_loss(item, prediction, share)
            for factor, summary in self._summaries
        ]
        parts += [
            factor * (share * loss(prediction, target, *counted)) for factor, loss in self._terms
        ]
        return sum(parts[1:], parts[0])

    def begin_validation(self, n_runs: int) -> None:
        """Begin a pass over the validation runs."""
        self.begin(n_runs)
        self._total, self._count = 0.0, 0
        if self.unseen is not None and not self.solve:
            self._count = count_measured(self.unseen)

    def validate(self, item: Item, features: Features) -> None:
        """Take note of one window of the validation runs."""
        if self.looks_ahead and not all(bool(torch.isfinite(x).all()) for x in features):
            self._total = math.nan
        self.observe(item, features)
        if self._terms and not self.solve and len(item["times"]):
            counted, amount = _counted(item)
            share, target = amount / max(self._count, 1), item["response"]
            prediction = self.predict(item, features)
            for factor, loss in self._terms:
                self._total += factor * (share * loss(prediction, target, *counted)).item()

    def validation(self, workers: Workers) -> tuple[float, float]:
        """Return the loss of the validation runs, their own nuisance taken out, and its weight.

        The loss is multiplied by its weight, the number of elements that this worker has.
        """
        for weight, summary in self._summaries:
            summary.complete(workers)
            self._total += weight * summary.value if summary.settle() else math.nan
        if not self.solve:
            return self._total * self._count, self._count
        seen, self._gathered = self._gathered, None
        if seen is None or self.unseen is None or math.isnan(self._total):
            return math.nan, 0
        features = seen.features(len(self.readout.regions))
        return squared_error(self.readout, features, self.unseen, self.targets.target_scale())


def _of_all_runs(targets: RunData) -> list[Tensor]:
    """Return measured series of all runs, NaN after a run's end, and weights if there are any."""
    measured, weights = targets.get("response"), targets.get("weight")
    series = [pad_sequence(measured, padding_value=math.nan)]
    if weights:
        full = [w.expand_as(y) for w, y in zip(weights, measured, strict=True)]
        series.append(pad_sequence(full, padding_value=1.0))
    return series


def _counted(item: Item) -> tuple[tuple[Tensor, ...], float]:
    """Return the weights of elements, if there are any, and how much all measured ones count."""
    there, weight = ~item["response"].isnan(), item.get("weight")
    if weight is None:
        return (), int(there.sum())
    weight = weight.expand_as(there)
    return (weight,), float(weight[there].sum())


def count_measured(targets: RunData) -> int:
    """Return the number of measured elements."""
    return sum(int((~series.isnan()).sum()) for series in targets.get("response"))
