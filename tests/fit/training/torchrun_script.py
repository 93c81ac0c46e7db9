"""What the test of several workers runs, in one process and in each of those of torchrun."""

import json
import sys
import warnings
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.net.net import DRMNet
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import DRMError
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.together import Fit, train_together

HERE = Path(__file__).resolve().parent
spec = spec_from_file_location("training_conftest", HERE.parent / "conftest.py")
shared = module_from_spec(spec)
spec.loader.exec_module(shared)


def iterate(lengths: tuple[int, ...], window: int | None = None, seed: int = 0) -> DRMIterator:
    runs = shared.make_runs(lengths, "both", seed=seed)
    return DRMIterator.from_runs(runs, 0.5, nuisance=Nuisance(order=1), window=window)


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def outcome(net: DRMNet, losses: Any, data: DRMIterator) -> dict[str, Any]:
    predicted, _ = DRM(net).forward(data)
    return {
        "losses": losses,
        "state": {k: v.tolist() for k, v in net.state_dict().items()},
        "predicted": [p.tolist() for p in predicted],
    }


def train(
    lengths: tuple[int, ...], *, window: int | None = None, cutoff: int | None = None,
    validation: tuple[int, ...] = (), seed: int = 0, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    net, data = shared.make_net(seed=seed), iterate(lengths, window)
    val = iterate(validation, seed=5) if validation else None
    losses = DRM(net, **options).estimate(data, val, n_epochs=3, cutoff=cutoff)
    return outcome(net, losses, data)


def several_nets() -> dict[str, Any]:
    data = [iterate((24, 24, 17), seed=k) for k in (0, 1)]
    nets = [shared.make_net(seed=k) for k in (0, 1)]
    fits = [Fit(DRM(n, alphas=0.1), d, n_epochs=2) for n, d in zip(nets, data, strict=True)]
    train_together(fits)
    return outcome(nets[1], [row["train_loss"] for row in fits[1].model.history], data[1])


def called_back() -> dict[str, Any]:
    rows: list[Any] = []
    train((24, 24), callbacks=[rows.append])
    return {"n_rows": len(rows)}


def failing(change: Callable[[DRMNet], None], **options: Any) -> dict[str, Any]:
    """Train a net that fails; say how, and in what state it is left."""
    net = shared.make_net()
    change(net)
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            losses = DRM(net).estimate(iterate((24, 24, 24)), n_epochs=3, **options)
    except DRMError as error:
        return {"error": str(error), "kind": type(error).__name__}
    return {
        "losses": losses,
        "state": {k: v.tolist() for k, v in net.state_dict().items()},
        "warned": [str(w.message) for w in seen],
    }


def limit(net: DRMNet, n_ticks: int, only: int, error: Callable[[], Any]) -> None:
    """Let one process fail where a readout sees more ticks; both where there is only one."""
    features = net.readout.features

    def limited(activity: Any, times: Any) -> Any:
        long = activity[0].shape[0] - net.readout.memory > n_ticks
        if long and (not dist.is_initialized() or rank() == only):
            error()
        return features(activity, times)

    net.readout.features = limited


def no_memory() -> None:
    torch.empty(10**15)


def broken() -> None:
    raise DRMError("a broken part")


def overflow(net: DRMNet) -> None:
    with torch.no_grad():
        net.populations[0].nonlinearity = net.populations[1].nonlinearity = "linear"
        net.populations[0].weight.mul_(1e200)


def failing_start(**options: Any) -> dict[str, Any]:
    try:
        return train(**options)
    except DRMError as error:
        return {"error": str(error), "kind": type(error).__name__}


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    "one window for each": lambda: train((24, 24)),
    "one window for one, two for the other": lambda: train((24, 24, 17)),
    "several lengths": lambda: train((24, 17, 24, 24, 9), validation=(17,)),
    "windows": lambda: train((24, 17, 24), window=10, cutoff=20, validation=(24, 24, 9)),
    "maps trained by gradient": lambda: train(
        (24, 17, 24), solve=False, loss=DRMLoss(), validation=(24, 17)
    ),
    # a net drawn anew in every process: all go on with that of the first
    "other initial weights": lambda: train((24, 24), seed=rank()),
    "finish": lambda: train((24, 17, 24), alphas=1.0, finish="lbfgs", n_finish_passes=4),
    "several nets": several_nets,
    "callbacks": called_back,
    "no memory in one": lambda: failing(lambda net: limit(net, 40, 1, no_memory)),
    "half the window": lambda: failing(lambda net: None, cutoff=36),
    "never enough memory": lambda: failing(lambda net: limit(net, 0, 1, no_memory)),
    "broken in one": lambda: failing(lambda net: limit(net, 0, 1, broken)),
    "not finite": lambda: failing(overflow),
    "a run for each is missing": lambda: failing_start(lengths=(24,)),
    "other data in one": lambda: failing_start(lengths=(24, 24, 24 - rank())),
}


def main(folder: Path) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    for name, scenario in SCENARIOS.items():
        found = scenario()
        path = folder / f"{name}-{rank()}.json"
        path.write_text(json.dumps(found), encoding="utf-8")
    np.testing.assert_equal(dist.get_world_size(), 2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
