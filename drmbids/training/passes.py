"""Going through the data: windows no longer than a cut-off, features and series of every run."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from drmbids.functional.ridge import orthonormal
from drmbids.iterators.item import Item, split_item
from drmbids.net.net import DRMNet
from drmbids.training.maps import nuisance_fit


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
        series = [parts[0] if len(parts) == 1 else torch.cat(parts) for parts in found]
        if name == "nuisance":  # a pass that stops within a run cuts its basis
            return [_as_orthonormal(basis) for basis in series]
        return series

    def target_scale(self) -> Tensor:
        """Return the standard deviation of each target, nuisance taken out, shape (n_targets,).

        A target that never varies gets 1, so that it adds a constant to the loss and no infinity.
        """
        if self._scale is None:
            total: Tensor | float = 0.0
            count: Tensor | float = 0.0
            for y, basis in zip(self.get("response"), self.get("nuisance"), strict=True):
                clean = y.double() - nuisance_fit(y.double(), basis.double())
                total = total + clean.square().nansum(0)
                count = count + (~clean.isnan()).sum(0)
            scale = (total / torch.as_tensor(count).clamp(min=1)).sqrt()
            self._scale = torch.where(scale > 1e-12, scale, torch.ones_like(scale))
        return self._scale


def _as_orthonormal(basis: Tensor) -> Tensor:
    """Return a basis as it is where it is orthonormal, otherwise made so."""
    eye = torch.eye(basis.shape[1], dtype=basis.dtype, device=basis.device)
    whole = torch.allclose(basis.mT @ basis, eye, atol=1e-4)
    return basis if whole else orthonormal(basis)


@torch.no_grad()
def gather_targets(data: Iterable[Item], n_runs: int) -> RunData:
    """Return targets, confounds and nuisance of every run."""
    gathered = RunData(n_runs)
    for item in data:
        gathered.add(item, response=item["response"], confounds=item["confounds"])
    return gathered


def feature_windows(
    net: DRMNet, items: Iterable[Item]
) -> Iterator[tuple[Item, list[Tensor], list[Tensor]]]:
    """Yield each item with its features and activity, the carry detached between items."""
    carry: Any = None
    for item in items:
        if carry is None or item["first"]:
            carry = net.initial_carry(item["stimulus"][0].shape[1])
        activity, seen, carry = net.run(item["stimulus"], carry)
        yield item, net.readout.features(seen, item["times"]), activity
        carry = carry.detach()


def by_region(values: Tensor, n_targets: Sequence[int]) -> list[Tensor]:
    """Return the targets of each region, split along the last axis."""
    return list(values.split(list(n_targets), dim=-1))
