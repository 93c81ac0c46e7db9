"""Training that was stopped anywhere goes on to the same numbers, bit by bit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from drmbids.brain.net.net import DRMNet
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.run import Run
from drmbids.data.tools import interruption
from drmbids.data.tools.exceptions import TrainingWarning
from drmbids.data.tools.interruption import Interrupted, ask_to_stop, watching
from drmbids.fit.maps.map_training import Maps
from drmbids.fit.training import loop
from drmbids.fit.training.checkpoint import Checkpoint
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.together import Fit, train_together

N_EPOCHS = 4
WHOLE: dict[tuple[int, Maps], list[DRM]] = {}  # trained without a stop


def data_of(net: DRMNet, runs: list[Run]) -> DRMIterator:
    return DRMIterator.from_runs(runs, net.resolution)


def values(drm: DRM) -> dict[str, torch.Tensor]:
    """Return parameters and history, but for how long epochs took."""
    rows = [[v for name, v in row.items() if name != "seconds"] for row in drm.history]
    return {**drm.net.state_dict(), "history": torch.tensor(rows)}


def assert_same(found: DRM, wanted: DRM) -> None:
    assert values(found).keys() == values(wanted).keys()
    for name, value in values(wanted).items():
        assert torch.equal(values(found)[name].nan_to_num(7.0), value.nan_to_num(7.0)), name


class Study:
    """A training that is made anew each time, as a process that starts again does."""

    def __init__(
        self,
        runs: list[Run],
        net_of: Callable[..., DRMNet],
        folder: Path,
        n_nets: int,
        maps: Maps = "solved",
    ):
        self.runs, self.net_of, self.folder = runs, net_of, folder
        self.n_nets, self.maps = n_nets, maps

    def train(self, checkpoint: Checkpoint | None, stop_after: int | None = None) -> list[DRM]:
        def callback(row: dict) -> None:
            if row["epoch"] == stop_after:
                ask_to_stop()

        drms = [
            DRM(
                self.net_of(seed=seed),
                callbacks=[callback] if seed == 0 else [],
                maps=self.maps,
            )
            for seed in range(self.n_nets)
        ]
        data = data_of(drms[0].net, self.runs[:2])
        unseen = data_of(drms[0].net, self.runs[2:])
        with watching(None):
            train_together([Fit(drm, data, unseen, N_EPOCHS, 16) for drm in drms], checkpoint)
        return drms

    def whole(self) -> list[DRM]:
        key = self.n_nets, self.maps
        if key not in WHOLE:
            WHOLE[key] = self.train(None)
        return WHOLE[key]

    def checkpoint(self, every: float = 1e9, key: str = "k") -> Checkpoint:
        return Checkpoint(self.folder, key, every)


@pytest.fixture
def study(runs_of: Callable[..., list[Run]], net_of: Callable[..., DRMNet], tmp_path: Path):
    return lambda n_nets=1, maps="solved": Study(
        runs_of((12, 12, 12)), net_of, tmp_path / "ckpt", n_nets, maps
    )


def test_maps_that_are_trained_go_on_where_they_were(study) -> None:
    ours = study(maps="trained")
    with pytest.raises(Interrupted):
        ours.train(ours.checkpoint(), stop_after=1)
    for found, wanted in zip(ours.train(ours.checkpoint()), ours.whole(), strict=True):
        assert_same(found, wanted)


@pytest.mark.parametrize("n_nets", [1, 2])
@pytest.mark.parametrize("stops", [[0], [1, 2, 3]])
def test_stopped_between_epochs(study, n_nets: int, stops: list[int]) -> None:
    task = study(n_nets)
    wanted = task.whole()
    for stop in stops:
        with pytest.raises(Interrupted):
            task.train(task.checkpoint(), stop)
    for found, whole in zip(task.train(task.checkpoint()), wanted, strict=True):
        assert_same(found, whole)


@pytest.mark.parametrize("window", [2, 17])
def test_stopped_within_an_epoch(study, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    task = study()
    (wanted,) = task.whole()
    left = [window]

    def stop() -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "stop_if_asked", stop)
    with pytest.raises(KeyboardInterrupt):
        task.train(task.checkpoint())
    assert len(list(task.folder.iterdir())) == 1
    (found,) = task.train(task.checkpoint())
    assert_same(found, wanted)


def test_interrupted_in_the_middle_of_a_step_falls_back(
    study, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = study()
    (wanted,) = task.whole()
    step, left = torch.optim.Adam.step, [4]

    def half(self, *args):
        left[0] -= 1
        step(self, *args)
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.Adam, "step", half)
    with pytest.raises(KeyboardInterrupt):
        task.train(task.checkpoint(every=0.0))
    assert [p.name for p in sorted(task.folder.iterdir())] == ["epoch-000002", "epoch-000003"]
    (found,) = task.train(task.checkpoint())
    assert_same(found, wanted)


@pytest.mark.parametrize("fault", ["flipped", "cut", "foreign"])
def test_a_checkpoint_with_a_fault_is_refused_and_the_one_before_serves(study, fault: str) -> None:
    task = study()
    (wanted,) = task.whole()
    with pytest.raises(Interrupted):
        task.train(task.checkpoint(every=0.0), 2)
    before, last = sorted(task.folder.iterdir())
    state = last / "state.safetensors"
    content = bytearray(state.read_bytes())
    if fault == "flipped":
        content[-3] ^= 4
        state.write_bytes(content)
    elif fault == "cut":
        state.write_bytes(content[:-10])
    else:
        (last / "manifest.json").write_text('{"format_version": 1, "about": {}, "sha256": {}}')
    with pytest.warns(TrainingWarning, match="checkpoint refused: .*epoch-000003"):
        (found,) = task.train(task.checkpoint())
    assert_same(found, wanted)
    assert before.name == "epoch-000002"


def test_a_checkpoint_of_another_training_is_refused(study) -> None:
    task = study()
    (wanted,) = task.whole()
    with pytest.raises(Interrupted):
        task.train(task.checkpoint(key="other"), 3)
    with pytest.warns(TrainingWarning, match="made for key 'other', not 'k'"):
        (found,) = task.train(task.checkpoint())
    assert_same(found, wanted)


def test_nothing_is_written_where_nothing_is_due(study) -> None:
    task = study()
    task.train(task.checkpoint())
    assert not task.folder.exists()
    assert not interruption.stop_asked()
