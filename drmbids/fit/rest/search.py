"""Descent of a resting-state model from several starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

import numpy as np
import torch
from scipy.optimize import OptimizeResult, minimize
from scipy.stats import qmc
from torch import Tensor, nn

from drmbids.brain.nodes import DRMNode
from drmbids.data.tools.exceptions import TrainingError
from drmbids.fit.rest.model import RestModel

#: The smallest coupling in units of where a descent starts: tracts have a sign of their own.
LEAST_COUPLING = 1e-6
#: Iterations from one look at whether a descent is worth its while to the next.
LOOKS = 4
#: Starts are drawn within this factor of the values given, and within limits.
SPREAD = 4.0
#: A descent ends where a step lowers the objective by less than this share. Where there are weights
#: of all pairs, thousands of numbers that a penalty holds, a likelihood is known no better, and the
#: last digits take most of the steps.
TOLERANCE, TOLERANCE_OF_WEIGHTS = 1e-12, 1e-5


@dataclass(frozen=True)
class Descent:
    """Where one start ended.

    Parameters
    ----------
    start, end : dict of str to float
        Global parameters before and after.
    loss : float
    free : list of Tensor
        Trained tensors after, and the steady state.
    message : str
        Of the optimiser.
    """

    start: dict[str, float]
    end: dict[str, float]
    loss: float
    free: list[Tensor]
    message: str


def trained(model: nn.Module) -> list[nn.Parameter]:
    """Return the tensors that training moves."""
    return [p for p in model.parameters() if p.requires_grad]


def kept(model: RestModel) -> list[Tensor]:
    """Return the tensors that say where a descent is: those that training moves, and the rest."""
    return [*trained(model), model.rest]


def global_values(model: RestModel) -> dict[str, float]:
    """Return all trained physical parameters that are one number, by name."""
    found = {}
    for _, name, label, node in physical(model):
        value = node.value(name)
        if value.numel() == 1:
            found[label] = value.item()
    return found


def physical(model: RestModel) -> list[tuple[str, str, str, DRMNode]]:
    """Return node, name, name for users, and node itself of trained physical parameters."""
    labels = {"strength": "coupling"}
    nodes = {"masses": model.masses, "tracts": model.tracts, "measured": model.measured}
    return [
        (where, name, labels.get(name, name), node)
        for where, node in nodes.items()
        for name, spec in node.parameter_specs.items()
        if spec.trainable
    ]


def descend(
    model: RestModel,
    objective: Callable[[], Tensor],
    n_iterations: int,
    hopeless: Callable[[RestModel], bool] | None = None,
) -> tuple[float, str]:
    """Move the trained tensors to where the objective is least, by L-BFGS in double precision.

    The steady state is looked for near that of the least objective so far. Where there is none, it
    is the one that the masses settle at from their start; a descent goes over to it only downhill.
    Where there are weights of all pairs, steps that lead away from a steady state are too long.
    There the objective is said to have risen by as much as it was to fall, so that the line search
    takes about a quarter of the step, and neither next to nothing of it nor what has no rest.

    Parameters
    ----------
    model : RestModel
    objective : callable
        Gives a scalar with gradients.
    n_iterations : int
        At most.
    hopeless : callable, optional
        Says of the model, every :data:`LOOKS` iterations, whether to end there.

    Returns
    -------
    loss : float
    message : str

    Raises
    ------
    TrainingError
        If the model has no steady state at the start.
    """
    free, coupling = trained(model), model.tracts.free_strength
    wide = model.tracts.pair_weights.requires_grad
    land = _Landscape(model, objective, free)
    start = land.start()
    positive = [(LEAST_COUPLING if p is coupling else None, None) for p in free]
    bounds = [b for b, p in zip(positive, free, strict=True) for _ in range(p.numel())]
    options = {
        "maxiter": n_iterations,
        "ftol": TOLERANCE_OF_WEIGHTS if wide else TOLERANCE,
        "gtol": 1e-9,
    }
    n_done = count(1)

    def look(intermediate_result: OptimizeResult) -> None:
        land.from_here = land.last
        if hopeless is not None and next(n_done) % LOOKS == 0:
            land.put(intermediate_result.x)  # not a step that was too long
            if hopeless(model):
                raise StopIteration

    done = minimize(
        land, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options, callback=look
    )
    land.put(done.x)
    return float(done.fun), str(done.message)


class _Landscape:
    """An objective and its slopes for an optimiser, also where there is none.

    Parameters
    ----------
    model : RestModel
    objective : callable
    free : sequence of Tensor
        What is moved, in units of its size at the start, a tenth at least.
    """

    def __init__(self, model: RestModel, objective: Callable[[], Tensor], free: list[nn.Parameter]):
        self.model, self.objective, self.free, self.least = model, objective, free, np.inf
        self.stays = model.tracts.pair_weights.requires_grad
        self.scale = [p.detach().abs().clamp(min=0.1) for p in free]
        self.put = partial(_put, free, self.scale)

    def start(self) -> np.ndarray:
        """Return where the model is, after a look at the objective there, which there must be."""
        pairs = zip(self.free, self.scale, strict=True)
        start = torch.cat([(p.detach() / s).reshape(-1) for p, s in pairs]).numpy()
        first = self.known(start)
        if first is None:
            raise TrainingError(
                "the model has no steady state at its start; take a weaker coupling"
            )
        #: Place, objective and slopes: where the line search begins, and where it was last.
        self.from_here = self.last = first
        return start

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its slopes."""
        found = self.last if np.array_equal(x, self.last[0]) else self.known(x)
        if found is None:
            here, loss, slopes = self.from_here
            return loss + abs(slopes @ (x - here)), np.zeros_like(x)
        self.last = found
        return found[1:]

    def known(self, x: np.ndarray) -> tuple[np.ndarray, float, np.ndarray] | None:
        """Return a place, the objective and its slopes there; None where there is no rest."""
        self.put(x)
        self.model.stays = self.stays
        try:
            loss = self.objective()
        except (TrainingError, torch.linalg.LinAlgError):
            return None
        finally:
            self.model.stays = False
        if not torch.isfinite(loss):
            return None
        if loss.item() < self.least:
            self.least = loss.item()
            self.model.rest = self.model.found
        slopes = torch.autograd.grad(loss, self.free)
        flat = [(g * s).reshape(-1) for g, s in zip(slopes, self.scale, strict=True)]
        return x.copy(), loss.item(), torch.cat(flat).numpy()


@torch.no_grad()
def _put(free: Sequence[Tensor], scale: Sequence[Tensor], x: np.ndarray) -> None:
    """Write numbers of the optimiser into the tensors that they stand for."""
    parts = torch.from_numpy(x).split([p.numel() for p in free])
    for p, part, s in zip(free, parts, scale, strict=True):
        p.copy_(part.view_as(p) * s)


def search(
    model: RestModel,
    objective: Callable[[], Tensor],
    n_starts: int,
    n_iterations: int,
    random_state: int,
    start_from: Sequence[Tensor] | None = None,
    hopeless: Callable[[RestModel], bool] | None = None,
) -> list[Descent]:
    """Descend from the values given and from others around them; leave the model at the best end.

    Parameters
    ----------
    model : RestModel
    objective : callable
    n_starts, n_iterations : int
    random_state : int
        Of the other starts: a Sobol sequence over global parameters, within :data:`SPREAD` times
        up and down, and limits.
    start_from : sequence of Tensor, optional
        Where a descent of a model like this one ended, in place of the values given.
    hopeless : callable, optional
        Says of a model on its way whether to end there.

    Returns
    -------
    list of Descent
        One for each start that has a steady state, the best first.

    Raises
    ------
    TrainingError
        If none has.
    """
    if start_from is not None:
        _put_back(model, start_from)
    begin = [p.detach().clone() for p in kept(model)]
    moved = [(node, name) for _, name, _, node in physical(model) if node.value(name).numel() == 1]
    draws = qmc.Sobol(max(len(moved), 1), seed=random_state).random(n_starts)
    found: list[Descent] = []
    for k in range(n_starts):
        _put_back(model, begin)
        if k:
            for share, (node, name) in zip(draws[k], moved, strict=True):
                _scatter(node, name, float(share))
        start = global_values(model)
        try:
            loss, message = descend(model, objective, n_iterations, hopeless)
        except TrainingError:
            if k == 0 and n_starts == 1:
                raise
            continue
        ended = [p.detach().clone() for p in kept(model)]
        found.append(Descent(start, global_values(model), loss, ended, message))
        if not moved:
            break  # all starts would be the same
    if not found:
        raise TrainingError("the model has no steady state at any start; take a weaker coupling")
    found.sort(key=lambda d: d.loss)
    _put_back(model, found[0].free)
    return found


@torch.no_grad()
def _put_back(model: RestModel, values: Sequence[Tensor]) -> None:
    for p, value in zip(kept(model), values, strict=True):
        p.copy_(value)


def _scatter(node: DRMNode, name: str, share: float) -> None:
    """Set a parameter a share of the way, in ratios, from below to above where it is."""
    value, spec = node.value(name).item(), node.parameter_specs[name]
    low, high = sorted((value / SPREAD, value * SPREAD))
    if spec.lower is not None:
        low = max(low, spec.lower + 0.05 * (value - spec.lower))
    if spec.upper is not None:
        high = min(high, spec.upper - 0.05 * (spec.upper - value))
    drawn = low * (high / low) ** share if low * high > 0 else low + share * (high - low)
    node.set_value(name, drawn)
