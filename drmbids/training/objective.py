"""Objective: what one readout of a net is trained for, and how far that has come."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from drmbids.iterators.item import Item
from drmbids.losses.base import DRMLoss
from drmbids.losses.summary import SummaryLoss
from drmbids.readouts.base import DRMReadout
from drmbids.training.parallel import Workers
from drmbids.training.passes import RunData
from drmbids.training.runners import Features
from drmbids.training.solver import MapSolver, Solution, squared_error
from drmbids.training.summaries import Summary


class Objective:
    """What one readout of a net is trained for: its targets, its loss, and its maps.

    A pass that looks ahead (:attr:`looks_ahead`) comes before gradients are taken where the loss of
    a window depends on all others: maps are solved from the features of all runs, and a
    :class:`~drmbids.losses.summary.SummaryLoss` is a function of sums over whole runs. The calls
    are, in this order, :meth:`begin`, :meth:`observe` for every window, :meth:`complete` and
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

    Attributes
    ----------
    targets : RunData
        Of all training runs.
    unseen : RunData or None
        Of the validation runs.
    n_measured : int
        Elements of the targets that were measured.
    solver : MapSolver or None
    solution : Solution or None
        Of the maps, in the epoch that is under way.
    """

    def __init__(
        self,
        readout: DRMReadout,
        loss: nn.Module,
        solve: bool,
        alphas: float | Sequence[float] | None = None,
    ):
        self.readout, self.loss, self.solve, self.alphas = readout, loss, solve, alphas
        self.solver: MapSolver | None = None
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
        if isinstance(self.loss, DRMLoss):
            for series in (data.get("response") for data in (targets, unseen) if data is not None):
                for target in series:
                    self.loss.check_target(target)

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
        if self.solver is None:
            self.solver = MapSolver(self.readout, self.targets, self.alphas)
        if finite:
            self.solution = self.solver.solve(complete)
        return finite

    def predict(self, item: Item, features: Features) -> Tensor:
        """Return the prediction of one window, shape (n_measured, batch, n_targets)."""
        return self.readout.map_features(features, item["confounds"])

    def window_loss(self, item: Item, features: Features, count: int) -> Tensor:
        """Return the share of one window in the mean loss over ``count`` measured elements."""
        if self.solution is not None:
            return self.solution.loss(item, features, count)
        if self.solve or not len(item["times"]):  # not solved: activity is not finite
            return features[0].sum() * 0.0
        share = int((~item["response"].isnan()).sum()) / max(count, 1)
        prediction = self.predict(item, features)
        parts = [
            weight * summary.window_loss(item, prediction, share)
            for weight, summary in self._summaries
        ]
        parts += [
            weight * (share * loss(prediction, item["response"])) for weight, loss in self._terms
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
            share = int((~item["response"].isnan()).sum()) / max(self._count, 1)
            prediction = self.predict(item, features)
            for weight, loss in self._terms:
                self._total += weight * (share * loss(prediction, item["response"])).item()

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


def count_measured(targets: RunData) -> int:
    """Return the number of measured elements."""
    return sum(int((~series.isnan()).sum()) for series in targets.get("response"))
