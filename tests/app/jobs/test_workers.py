"""Of several processes the first one writes."""

from pathlib import Path

import pytest

from drmbids.app.analysis.config import Config
from drmbids.app.jobs.workers import config_of_worker


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path / "bids", tmp_path / "out", "participant")


def test_a_process_alone_writes(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("RANK", "3")  # of another launcher, which starts unrelated jobs
    with config_of_worker(config) as own:
        assert own is config


def test_the_first_of_several_writes(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("RANK", "0")
    with config_of_worker(config) as own:
        assert own is config
    monkeypatch.setenv("RANK", "1")
    with config_of_worker(config) as own:
        assert own.bids_dir == config.bids_dir and own.out_dir != config.out_dir
        assert own.out_dir.is_dir() and own.verbosity == -1
    assert not own.out_dir.exists()
