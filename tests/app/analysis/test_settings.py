"""Which configurations are the same, and what a reader is told where they are not."""

from dataclasses import fields, replace
from pathlib import Path

from drmbids.app.analysis.config import Config
from drmbids.app.analysis.settings import (
    EXECUTION,
    SELECTION,
    differences,
    lost,
    settings_hash,
    settings_of,
    with_layout,
)
from drmbids.brain.modelfile.default import default_model

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


def test_a_study_that_moves_keeps_its_settings(tmp_path: Path) -> None:
    hashes = []
    for place in ("here", "there"):
        folder = tmp_path / place / "fmriprep"
        folder.mkdir(parents=True)
        (folder / "dataset_description.json").write_text('{"Name": "prep"}')
        (folder / "m.nii").write_bytes(b"mask")
        more = {"mask": {"V1": folder / "m.nii"}, "derivatives": {"prep": folder}}
        hashes.append(told(replace(CONFIG, **more)))
    assert hashes[0] == hashes[1]
    (folder / "m.nii").write_bytes(b"another")
    other = told(replace(CONFIG, **more))
    (folder / "dataset_description.json").write_text('{"Name": "prep 2"}')
    assert len({hashes[0], other, told(replace(CONFIG, **more))}) == 3


def test_filters_count_where_they_choose_another_kind_of_image() -> None:
    assert told(replace(CONFIG, filters={"session": "1"})) == told(CONFIG)
    assert told(replace(CONFIG, filters={"desc": "smooth"})) != told(CONFIG)


def test_what_is_added_takes_nothing_away() -> None:
    now = settings_of(CONFIG, {})
    assert differences(now, now) == lost(now, now) == []
    more = settings_of(replace(CONFIG, intervals="laplace", variance_parts={}), {})
    assert lost(now, more) == []
    gone = ["intervals laplace, now none", "variance_parts each, now not given"]
    assert sorted(lost(more, now)) == gone
    one, two = ({**now, "model": dict.fromkeys(names, "1f")} for names in ("a", "ab"))
    assert lost(one, two) == [] and lost(two, one) == ["model a=1f b=1f, now a=1f"]
    assert lost(now, one) and lost(one, {**now, "model": {"a": "2e", "b": "1f"}})
