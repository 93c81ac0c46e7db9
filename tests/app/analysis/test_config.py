"""The configuration of a call: checked, merged, and read back as it was written."""

import dataclasses
from pathlib import Path

import pytest

from drmbids.app.analysis.config import Config, resolve_config
from drmbids.app.cli.bids_app import bids_app_parser
from drmbids.app.cli.foreign import Elsewhere, Nothing
from drmbids.data.tools.exceptions import UsageError

BASE = {"bids_dir": "ds", "out_dir": "out", "level": "participant"}


def test_every_option_of_the_command_line_is_a_field() -> None:
    not_fields = {"help", "version", "config_file", "verbose", "quiet"}
    actions = [a for a in bids_app_parser()._actions if not isinstance(a, Nothing | Elsewhere)]
    options = {action.dest for action in actions} - not_fields
    assert options == {f.name for f in dataclasses.fields(Config)} - {"verbosity"}


def test_configuration_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    given = BASE | {
        "participant_label": ["01", "02"],
        "mask": {"vt": "vt.nii.gz"},
        "derivatives": {"prep": "p"},
        "filters": {"echo": "1", "space": "Query.NONE"},
        "tr": 1.5,
        "model": ["m.yaml", "n.yaml"],
        "debug": True,
    }
    config = resolve_config(given)
    config.save(tmp_path / "logs" / "config.toml")
    again = resolve_config({}, tmp_path / "logs" / "config.toml")
    assert again.mask == {"vt": Path("vt.nii.gz").absolute()}
    assert again.to_toml() == config.to_toml()
    assert dataclasses.replace(again, mask={}, derivatives={}) == (
        dataclasses.replace(
            config,
            mask={},
            derivatives={},
            model=tuple(path.absolute() for path in config.model),
            **{n: Path(given[n]).absolute() for n in ("bids_dir", "out_dir")},
        )
    )


def test_arguments_go_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('n_epochs = 5\ncv = "session"\nmodel = "m.yaml"\n')
    config = resolve_config(BASE | {"n_epochs": 7}, tmp_path / "c.toml")
    assert (config.n_epochs, config.cv, config.device) == (7, "session", "cpu")
    assert config.model == (tmp_path / "m.yaml",)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_epoch": 3}, "unknown option 'n_epoch'; do you mean 'n_epochs'"),
        ({"cv": "runs"}, "cv = 'runs': input should be 'auto', 'run', 'session'"),
        ({"tr": -1}, "tr = -1: input should be greater than 0"),
        ({"participant_label": ["a/b"]}, "participant_label.0 = 'a/b'"),
        ({"n_threads": 0, "n_epochs": 0}, r"n_epochs = 0.*; n_threads = 0"),
        ({"derivatives": {"raw": "p"}}, "^--derivatives: 'raw' cannot name a dataset"),
        ({"derivatives": {"fmri-prep": "p"}}, "'fmri-prep' cannot name a dataset"),
        ({"mask": {"a": "a.nii"}, "atlas": "b.nii"}, "^--mask and --atlas .*give one of them"),
    ],
)
def test_wrong_values_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_config(BASE | wrong)


def test_missing_positionals_are_named() -> None:
    with pytest.raises(UsageError, match=r"out_dir is missing"):
        resolve_config({"bids_dir": "ds", "level": "group"})


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml: No such file"):
        resolve_config(BASE, tmp_path / "nowhere.toml")


def test_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolve_config(BASE).device = "cuda"  # type: ignore[misc]
