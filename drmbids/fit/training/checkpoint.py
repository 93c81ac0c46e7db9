"""Training that goes on where it was stopped, to the same numbers as without the stop.

What is kept is all that the next epoch depends on: parameters and buffers of the net, the best
state so far, the moments of the optimizer, what the maps were solved with last, the random numbers,
the cut-off, and the history. A checkpoint holds the state between two epochs; a stop within an
epoch gives up what was computed of it.
"""

import json
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from drmbids.data.storage.bundle import load_bundle, save_bundle
from drmbids.data.tools.exceptions import DataError, DivergenceError, TrainingWarning
from drmbids.data.tools.interruption import at_good_places, stop_if_asked
from drmbids.data.tools.processes import RANDOM
from drmbids.fit.maps.map_training import MapTrainer
from drmbids.fit.maps.solver import Choice, MapSolver
from drmbids.fit.training.memory import Window
from drmbids.fit.training.objective import Objective

if TYPE_CHECKING:
    from drmbids.fit.training.trainee import Trainee

#: Seconds between checkpoints where nobody says otherwise.
EVERY_S = 600.0

# Checkpoints that are kept: where the newest cannot be read, the one before serves.
_N_KEPT = 2
_TENSORS, _FACTS = "state.safetensors", "state.json"


@dataclass
class Checkpoint:
    """Where a training is kept, and how often.

    Parameters
    ----------
    folder : Path
        Holds the newest checkpoints, and nothing else; made where missing.
    key : str
        What is trained, on which data and how, for example a
        :func:`~drmbids.data.storage.fingerprint.fingerprint`; a checkpoint with another key is
        refused.
    every : float
        Seconds between two checkpoints, 0 for one after every epoch. A stop that is asked for is
        kept in any case.
    """

    folder: Path
    key: str
    every: float = EVERY_S
    _written: float = field(default_factory=time.monotonic, repr=False)

    def part(self, n: int) -> "Checkpoint":
        """Return the checkpoint of one of several trainings that make up this one."""
        return replace(self, folder=self.folder / f"part-{n}")

    @property
    def is_due(self) -> bool:
        """Whether the last one was long ago."""
        return time.monotonic() - self._written >= self.every

    def save(self, epoch: int, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Write a checkpoint, and remove old ones.

        Parameters
        ----------
        epoch : int
            The next to be trained.
        tensors : dict of str to Tensor
        facts : dict
            Plain values.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        files = {_TENSORS: save(tensors), _FACTS: json.dumps(facts).encode()}
        save_bundle(self.folder / f"epoch-{epoch:06d}", files, {"key": self.key, "epoch": epoch})
        self._written = time.monotonic()
        for old in self._folders()[:-_N_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def load(self) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint that is whole and of this training, None without one.

        Warns
        -----
        TrainingWarning
            Of one that is refused, and why.
        """
        for folder in reversed(self._folders()):
            try:
                files, about = load_bundle(folder, {"key": self.key})
                tensors, facts = load(files[_TENSORS]), json.loads(files[_FACTS])
                return int(about["epoch"]), tensors, facts
            except (DataError, SafetensorError, KeyError, ValueError) as error:
                warnings.warn(
                    f"checkpoint refused: {error}; going on from an earlier state",
                    TrainingWarning,
                    stacklevel=2,
                )
        return None

    def _folders(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*"))


#: How often the maps of a readout were solved, and what was chosen last; (0, []) for other maps.
Solved = tuple[int, list[Choice | None]]


class _Mark(NamedTuple):
    """What an epoch changes before its end, as it was at its start."""

    epoch: int
    random: Tensor
    solved: list[list[Solved]]


class Progress:
    """The epochs of a training, from where its checkpoint left off.

    A context: within it a stop waits for the end of a window, and is kept.

    Parameters
    ----------
    checkpoint : Checkpoint or None
    trainees : sequence of Trainee
    window : Window
    """

    def __init__(
        self, checkpoint: Checkpoint | None, trainees: "Sequence[Trainee]", window: Window
    ):
        self.trainees, self.window = trainees, window
        # processes that train one net together hold the same state: one of them writes
        self.checkpoint = checkpoint
        self._mark: _Mark | None = None
        self._deferred = at_good_places()

    def __enter__(self) -> "Progress":
        """Take up the state of the checkpoint."""
        self._deferred.__enter__()
        return self

    def epochs(self, n: int) -> Iterator[int]:
        """Yield the numbers of the epochs that are left."""
        for epoch in range(self._resume(), n):
            self._mark = self._marked(epoch)
            if self.checkpoint is not None and self.checkpoint.is_due and epoch:
                self._save()
            stop_if_asked()
            yield epoch
            self._mark = None

    def stepping(self) -> None:
        """Say that from here to the end of the epoch the state is neither old nor new."""
        self._mark = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Keep the state where work is interrupted."""
        try:
            if isinstance(error, KeyboardInterrupt) and self._mark is not None:
                self._save()
        finally:
            self._deferred.__exit__(kind, error, traceback)

    def _marked(self, epoch: int) -> _Mark:
        solved = [[_solved(o) for o in trainee.objectives] for trainee in self.trainees]
        return _Mark(epoch, torch.get_rng_state(), solved)

    def _save(self) -> None:
        if self.checkpoint is None or self._mark is None or not self.trainees[0].workers.is_first:
            return
        tensors, facts = {"random": self._mark.random}, []
        for k, (trainee, solved) in enumerate(zip(self.trainees, self._mark.solved, strict=True)):
            own, told = _state_of(trainee, solved)
            tensors |= {f"{k}/{name}": value for name, value in own.items()}
            facts.append(told)
        window = {"cutoff": self.window.cutoff, "halved": self.window.halved}
        # safetensors refuses tensors that share memory
        plain = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
        self.checkpoint.save(self._mark.epoch, plain, {"window": window, "trainees": facts})

    def _resume(self) -> int:
        """Put the trainees into the state of the checkpoint; return the epoch that comes next."""
        found = None if self.checkpoint is None else self.checkpoint.load()
        if found is None:
            return 0
        epoch, tensors, facts = found
        self.window.cutoff = facts["window"]["cutoff"]
        self.window.halved = facts["window"]["halved"]
        for k, (trainee, told) in enumerate(zip(self.trainees, facts["trainees"], strict=True)):
            prefix = f"{k}/"
            own = {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
            _put_back(trainee, own, told)
        with RANDOM:
            torch.set_rng_state(tensors["random"])
        return epoch


def _solved(objective: Objective) -> Solved:
    solver = objective.solver
    return (solver.n_solved, list(solver.last)) if isinstance(solver, MapSolver) else (0, [])


def _state_of(trainee: "Trainee", solved: list[Solved]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return all that the next epoch of a trainee depends on."""
    tensors = {f"net/{name}": value for name, value in trainee.trained.state_dict().items()}
    tensors |= {f"kept/{name}": value for name, value in trainee.kept.items()}
    if trainee.optimizer is not None:
        for number, moments in trainee.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{number}/{name}": value for name, value in moments.items()}
    for k, (_, last) in enumerate(solved):
        for region, choice in enumerate(last):
            if choice is not None:
                tensors[f"solver/{k}/{region}/alpha"] = choice.alpha
                tensors[f"solver/{k}/{region}/weighting"] = choice.weighting
    for k, objective in enumerate(trainee.objectives):
        if isinstance(objective.solver, MapTrainer):
            for region, maps in enumerate(objective.solver.free):
                tensors[f"maps/{k}/{region}"] = maps
    facts = {
        "best": trainee.best,
        "best_epoch": trainee.best_epoch,
        "history": [dict(row) for row in trainee.history],
        "n_solved": [n for n, _ in solved],
        "failure": trainee.failure and str(trainee.failure),
    }
    return tensors, facts


def _put_back(trainee: "Trainee", tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Put a trainee into the state that :func:`_state_of` told."""
    parts: dict[str, dict[str, Tensor]] = {
        part: {} for part in ("net", "kept", "optimizer", "solver", "maps")
    }
    for name, value in tensors.items():
        part, _, rest = name.partition("/")
        parts[part][rest] = value
    trainee.trained.load_state_dict(parts["net"])
    like = trainee.kept
    trainee.kept = {name: value.to(like[name].device) for name, value in parts["kept"].items()}
    trainee.best, trainee.best_epoch = facts["best"], facts["best_epoch"]
    trainee.history[:] = facts["history"]
    trainee.failure = facts["failure"] and DivergenceError(facts["failure"])
    if trainee.optimizer is not None:
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in parts["optimizer"].items():
            number, _, what = name.partition("/")
            moments.setdefault(int(number), {})[what] = value
        groups = trainee.optimizer.state_dict()["param_groups"]
        trainee.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    device = next(trainee.net.parameters()).device
    chosen = {name: value.to(device) for name, value in parts["solver"].items()}
    for k, (objective, n_solved) in enumerate(
        zip(trainee.objectives, facts["n_solved"], strict=True)
    ):
        solver = objective.map_solver() if objective.solve else None
        if isinstance(solver, MapTrainer):
            for region, maps in enumerate(solver.free):
                maps.data.copy_(parts["maps"][f"{k}/{region}"])
        elif solver is not None and n_solved:
            solver.n_solved = n_solved
            for region in range(len(solver.last)):
                alpha = chosen.get(f"{k}/{region}/alpha")
                if alpha is not None:
                    solver.last[region] = Choice(alpha, chosen[f"{k}/{region}/weighting"])
