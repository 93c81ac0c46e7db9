"""Going through the data: windows no longer than a cut-off, features and series of every run."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import features_at
from drmbids.data.iterators.item import Item, part_of, split_item
from drmbids.data.runs.align import ONLY
from drmbids.fit.maps.targets import TARGETS_AT_ONCE, nuisance_fit
from drmbids.maths.estimation.ridge import orthonormal

#: Targets that correlations are worked out for, evenly spaced; enough to see how many dimensions
#: there are, and quick for any number of voxels.
MOST_CORRELATED = 512

# A target counts as constant when what varies of it is this small a share: data are in float32,
# whose rounding would otherwise be scaled up to a target like any other.
CONSTANT_TARGET = 1e-6


def windows(data: Iterable[Item], cutoff: int | None, resolution: float) -> Iterator[Item]:
    """Yield the items of a pass, split where they are longer than the cut-off."""
    for item in data:
        if cutoff is None:
            yield item
        else:
            yield from split_item(item, cutoff, resolution)


class RunData:
    """What the linear maps need of every run, gathered over the windows of a pass.

    Parameters
    ----------
    n_runs : int
        Runs in the pass.
    """

    def __init__(self, n_runs: int):
        self._parts: list[dict[str, list[Tensor]]] = [{} for _ in range(n_runs)]
        self._scale: Tensor | None = None

    def add(self, item: Item, **columns: Tensor) -> None:
        """Add tensors of shape (n_measured, batch, ...) of one window by name."""
        for batch, run in enumerate(item["runs"]):
            parts = self._parts[run]
            for name, value in columns.items():
                parts.setdefault(name, []).append(value[:, batch])
            parts.setdefault("nuisance", []).append(item["nuisance"][batch])

    @property
    def runs(self) -> list[int]:
        """Numbers of the runs that have something, in the order that :meth:`get` gives them."""
        return [run for run, parts in enumerate(self._parts) if parts]

    def add_features(self, item: Item, features: Sequence[Tensor]) -> None:
        """Add the features of every region, each of shape (n_measured, batch, n)."""
        self.add(item, **{str(k): x for k, x in enumerate(features)})

    def features(self, n_regions: int) -> list[list[Tensor]]:
        """Return the features of every region in every run: ``[region][run]``."""
        return [self.get(str(k)) for k in range(n_regions)]

    def get(self, name: str) -> list[Tensor]:
        """Return the whole series of every run by name."""
        found = [parts[name] for parts in self._parts if name in parts]
        # a run in one window is not copied: responses are by far the largest tensors there are
        for parts in found:
            if len(parts) > 1:
                parts[:] = [torch.cat(parts)]
        series = [parts[0] for parts in found]
        if name == "nuisance":  # a pass that stops within a run cuts its basis
            return [_as_orthonormal(basis) for basis in series]
        return series

    def _weights(self) -> list[Tensor] | list[None]:
        """Return the weights of the elements of each run."""
        return self.get("weight") or [None] * len(self.runs)

    def weights_by_region(self, n_targets: Sequence[int]) -> list[list[Tensor | None]]:
        """Return the weights of the elements, ``[region][run]``, None where there are none.

        Parameters
        ----------
        n_targets : sequence of int
            Of each region.
        """
        by_run: list[list[Tensor | None]] = [
            [w] * len(n_targets) if w is None or w.shape[1] == 1 else [*by_region(w, n_targets)]
            for w in self._weights()
        ]
        return [[run[k] for run in by_run] for k in range(len(n_targets))]

    def target_scale(self) -> Tensor:
        """Return the (weighted) standard deviation of each target, nuisance taken out.

        A target that never varies gets 1, so that it adds a constant to the loss and no infinity.
        """
        if self._scale is None:
            total: Tensor | float = 0.0
            size: Tensor | float = 0.0
            count: Tensor | float = 0.0
            series = zip(self.get("response"), self.get("nuisance"), self._weights(), strict=True)
            for y, basis, weight in series:
                squares: list[Tensor] = []
                sizes: list[Tensor] = []
                counts: list[Tensor] = []
                for first in range(0, y.shape[1], TARGETS_AT_ONCE):
                    columns = slice(first, first + TARGETS_AT_ONCE)
                    some, w = y[:, columns].double(), _some_weights(weight, columns)
                    rest = some - nuisance_fit(some, basis.double(), w)
                    w = torch.ones_like(rest) if w is None else w.expand_as(rest)
                    squares.append((w * rest.square()).nansum(0))
                    sizes.append((w * some.square()).nansum(0))
                    counts.append(w.where(~rest.isnan(), 0.0).sum(0))
                total, count = total + torch.cat(squares), count + torch.cat(counts)
                size = size + torch.cat(sizes)
            n = torch.as_tensor(count)
            n = torch.where(n > 0, n, 1.0)
            scale, least = (total / n).sqrt(), CONSTANT_TARGET * (size / n).sqrt()
            self._scale = torch.where(scale > least.clamp(min=1e-12), scale, 1.0)
        return self._scale

    def n_independent(self) -> float:
        """Return how many independent samples the targets are worth: volumes times dimensions.

        Neighbouring voxels measure nearly the same, and counting each would let the data outvote
        any prior. The dimensions of the targets are ``V ** 2 / sum(C ** 2)`` with ``C`` their
        correlations, nuisance taken out (participation ratio of the principal components; Gao et
        al. 2017, bioRxiv 214262), from at most :data:`MOST_CORRELATED` targets.
        """
        scale = self.target_scale()
        some = torch.linspace(0, len(scale) - 1, min(len(scale), MOST_CORRELATED)).round().long()
        some = some.to(scale.device)
        products = scale.new_zeros(len(some), len(some))
        n_rows = 0.0
        all_series = zip(self.get("response"), self.get("nuisance"), self._weights(), strict=True)
        for y, basis, weight in all_series:
            series, w = y[:, some].double(), _some_weights(weight, some)
            clean = (series - nuisance_fit(series, basis.double(), w)) / scale[some]
            clean = clean if w is None else clean * w.sqrt()
            products += clean.nan_to_num(0.0).mT @ clean.nan_to_num(0.0)
            n_rows += float((~series.isnan()).any(1).sum())
        total, spread = products.diagonal().sum().square(), products.square().sum()
        return max(1.0, n_rows * (total / spread.clamp(min=1e-300)).item())


def _as_orthonormal(basis: Tensor) -> Tensor:
    """Return a basis as it is where it is orthonormal, otherwise made so."""
    eye = torch.eye(basis.shape[1], dtype=basis.dtype, device=basis.device)
    whole = torch.allclose(basis.mT @ basis, eye, atol=1e-4)
    return basis if whole else orthonormal(basis)


def _some_weights(weight: Tensor | None, columns: slice | Tensor) -> Tensor | None:
    """Return the weights of some targets in float64."""
    if weight is None or weight.shape[1] == 1:
        return None if weight is None else weight.double()
    return weight[:, columns].double()


@torch.no_grad()
def gather_targets(data: Iterable[Item], n_runs: int, readout: str = ONLY) -> RunData:
    """Return targets, confounds and nuisance of every run, those of one readout.

    Parameters
    ----------
    data : iterable of dict
    n_runs : int
    readout : str
        Its name, where there are several.
    """
    gathered = RunData(n_runs)
    for item in (part_of(whole, readout) for whole in data):
        weight = item.get("weight")
        own = {} if weight is None else {"weight": weight}
        gathered.add(item, response=item["response"], confounds=item["confounds"], **own)
    return gathered


def feature_windows(
    net: DRMNet, items: Iterable[Item]
) -> Iterator[tuple[Item, list[Tensor], list[Tensor]]]:
    """Yield each item with its features and activity, the carry detached between items."""
    carry: Any = None
    for item in items:
        if carry is None or item["first"]:
            carry = net.initial_carry(item["stimulus"][0].shape[1], item.get("runs"))
        activity, seen, carry = net.run(item["stimulus"], carry)
        yield item, features_at(net.readout, seen, item), activity
        carry = carry.detach()


def by_region(values: Tensor, n_targets: Sequence[int]) -> list[Tensor]:
    """Return the targets of each region, split along the last axis."""
    return list(values.split(list(n_targets), dim=-1))
