"""One large net trained by several processes, each of which runs its share of the runs.

``torchrun --nproc-per-node=4 analysis.py`` starts the same script four times. Each process reads
all data and holds the whole net; windows, which are most of the work, are computed by the process
that a run is dealt to. Features come together on all, so that the maps are solved from all runs, as
by one process; gradients and losses are added up. The numbers are those of one process up to the
order of sums.
"""

import atexit
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.tools.exceptions import TrainingError
from drmbids.fit.maps.passes import RunData
from drmbids.fit.training.memory import is_out_of_memory

# What happened in a process, the worst last.
_FINE, _NO_MEMORY, _FAILED = 0, 1, 2


class Workers:
    """The processes that train one net; without a launcher there is one, and nothing is sent.

    A process group that is there is used as it is; otherwise, in a process that torchrun started,
    one is made: gloo on the CPU, NCCL on GPUs. All processes have to make the same calls.

    Parameters
    ----------
    device : torch.device
        Where the net is.

    Attributes
    ----------
    size, rank : int
        Number of processes, and which one this is, from 0 on.

    Examples
    --------
    >>> import torch
    >>> workers = Workers(torch.device("cpu"))
    >>> workers.size, workers.is_first, workers.sum([1.0, 2.0])
    (1, True, [1.0, 2.0])
    """

    def __init__(self, device: torch.device):
        self.device = device
        if dist.is_available() and dist.is_torchelastic_launched() and not dist.is_initialized():
            dist.init_process_group()
            atexit.register(_leave)
        together = dist.is_available() and dist.is_initialized()
        self.size = dist.get_world_size() if together else 1
        self.rank = dist.get_rank() if together else 0

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes, prints and calls back."""
        return self.rank == 0

    def share(self, data: DRMIterator) -> DRMIterator:
        """Return the items with the runs of this process only."""
        return data if self.size == 1 else data.share(self.rank, self.size)

    @torch.no_grad()
    def agree(self, net: nn.Module, targets: Sequence[RunData]) -> None:
        """Give all processes the net of the first, and see that they have the same data.

        Parameters
        ----------
        net : Module
            Changed in place.
        targets : sequence of RunData
            With the ``response`` of all runs, for each readout.

        Raises
        ------
        TrainingError
            If the processes are not at the same fit: they would wait for each other, or mix.
        """
        if self.size == 1:
            return
        series = [y for data in targets for y in data.get("response")]
        values = sum(float(y.double().nansum()) for y in series)
        n_parameters = sum(value.numel() for value in net.state_dict().values())
        mine = [float(n_parameters), float(sum(y.numel() for y in series)), values]
        # the greatest number and the greatest of its opposite: the range over processes
        seen = torch.tensor([*mine, *(-x for x in mine)], dtype=torch.float64, device=self.device)
        dist.all_reduce(seen, op=dist.ReduceOp.MAX)
        most, least = seen[:3], -seen[3:]
        if not torch.allclose(most, least, rtol=1e-9):
            raise TrainingError(
                "workers are at different fits: parameters, measured elements and their sum are "
                f"between {least.tolist()} and {most.tolist()}; all have to make the same calls"
            )
        for value in net.state_dict().values():
            dist.broadcast(value, src=0)

    @torch.no_grad()
    def features(self, mine: RunData, targets: RunData, n_regions: int) -> list[list[Tensor]]:
        """Return the features of all runs, ``[region][run]``, from those of this process's runs.

        Parameters
        ----------
        mine : RunData
            With the features of the runs of this process.
        targets : RunData
            With the ``response`` of all runs.
        n_regions : int
        """
        own = mine.features(n_regions)
        if self.size == 1:
            return own
        lengths = [len(series) for series in targets.get("response")]
        place = {run: k for k, run in enumerate(targets.runs)}
        everyone = []
        for region in own:
            whole = region[0].new_zeros(sum(lengths), region[0].shape[1])
            series = list(whole.split(lengths))
            for run, x in zip(mine.runs, region, strict=True):
                series[place[run]].copy_(x.detach())
            dist.all_reduce(whole)  # each row comes from one process: nothing is rounded
            everyone.append(series)
        return everyone

    @torch.no_grad()
    def sum_gradients(self, net: nn.Module) -> None:
        """Add up the gradients of all processes, in one message."""
        if self.size == 1:
            return
        moving = [p for p in net.parameters() if p.requires_grad]
        if not moving:
            return
        flat = torch.cat(
            [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in moving]
        )
        dist.all_reduce(flat)
        for p, part in zip(moving, flat.split([p.numel() for p in moving]), strict=True):
            p.grad = part.view_as(p).to(p)

    def sum(self, values: Sequence[float]) -> list[float]:
        """Return the sums of numbers over all processes."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        return sums.tolist()

    @torch.no_grad()
    def sum_tensors(self, tensors: Sequence[Tensor]) -> None:
        """Add up tensors over all processes, in place."""
        for tensor in tensors if self.size > 1 else ():
            dist.all_reduce(tensor)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Fail in every process if the block fails in one: otherwise the others would wait for it.

        Raises
        ------
        OutOfMemoryError
            If another process ran out of memory.
        TrainingError
            If another process failed otherwise.
        """
        error: Exception | None = None
        try:
            yield
        except Exception as caught:
            error = caught
        state = _FINE
        if error is not None:
            state = _NO_MEMORY if is_out_of_memory(error) else _FAILED
        worst = state
        if self.size > 1:
            seen = torch.tensor([state], device=self.device)
            dist.all_reduce(seen, op=dist.ReduceOp.MAX)
            worst = int(seen)
        if worst == _FAILED and state != _FAILED:
            raise TrainingError("another worker failed; its own message says why") from error
        if error is not None:
            raise error
        if worst == _NO_MEMORY:
            raise torch.OutOfMemoryError("another worker ran out of memory")


def _leave() -> None:
    """Leave the process group, as NCCL asks for, unless the caller has done so."""
    if dist.is_initialized():
        dist.destroy_process_group()
