"""Which configurations are the same, and what a reader is told where they are not."""

import json
from dataclasses import fields, replace
from pathlib import Path

from drmbids.spec.default import default_model
from drmbids.workflows.config import Config
from drmbids.workflows.settings import (
    EXECUTION,
    SELECTION,
    differences,
    different_settings,
    other_settings,
    settings_hash,
    settings_of,
    with_layout,
)

CONFIG = Config(Path("ds"), Path("out"), "participant")


def told(config: Config) -> str:
    return settings_hash(settings_of(config, {}))


def test_every_name_is_an_option() -> None:
    assert {*SELECTION, *EXECUTION} <= {f.name for f in fields(Config)}


def test_how_and_where_a_call_runs_changes_no_hash() -> None:
    other = replace(
        CONFIG, n_cpus=8, n_threads=2, work_dir=Path("w"), participant_label=("01",), debug=True
    )
    assert told(other) == told(CONFIG)


def test_no_smoothing_is_smoothing_by_nothing() -> None:
    none = replace(CONFIG, smoothing_fwhm=0.0)
    assert settings_of(none, {}) == settings_of(CONFIG, {})


def test_what_decides_numbers_changes_it() -> None:
    others = [
        replace(CONFIG, **{name: value})
        for name, value in {
            "n_epochs": 3, "cv": "session", "random_seed": 1, "space": "T1w", "tr": 2.0,
            "confounds": ("a",), "mask": {"V1": Path("m.nii")}, "n_permutations": 7,
        }.items()
    ]  # fmt: skip
    hashes = {told(config) for config in others}
    hashes.add(settings_hash(settings_of(CONFIG, {"drm": default_model()})))
    assert len(hashes | {told(CONFIG)}) == len(others) + 2


def test_multiverse_gives_each_configuration_its_folder() -> None:
    apart = replace(CONFIG, output_layout="multiverse")
    assert with_layout(CONFIG).out_dir == Path("out")
    assert with_layout(apart).out_dir == Path("out") / f"hash-{told(CONFIG)}"
    assert with_layout(with_layout(apart)) == with_layout(apart)
    assert with_layout(replace(apart, n_epochs=2)).out_dir != with_layout(apart).out_dir


def record(out_dir: Path, label: str, config: Config) -> None:
    path = out_dir / f"sub-{label}" / "models" / f"sub-{label}_desc-inputs_runs.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"settings": settings_of(config, {})}))


def test_other_settings_in_a_folder_are_named(tmp_path: Path) -> None:
    record(tmp_path, "01", replace(CONFIG, n_epochs=60))
    record(tmp_path, "02", CONFIG)
    now = settings_of(CONFIG, {})
    text = other_settings(tmp_path, now)
    assert text is not None and "sub-01" in text and "n_epochs 60, now not given" in text
    assert "sub-02" not in text
    assert other_settings(tmp_path, now, ["01"]) is None
    between = different_settings(tmp_path)
    assert between is not None and "n_epochs 60 and not given" in between
    assert differences(now, now) == []
