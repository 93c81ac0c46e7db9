"""Several models in one analysis: their names, and what has to agree."""

from pathlib import Path

import pytest

from drmbids.app.analysis.compared import describe_models, load_models, scoring_nuisance
from drmbids.brain.modelfile.default import new_model_text
from drmbids.data.tools.exceptions import ModelError


def write(path: Path, name: str, more: str = "") -> Path:
    text = new_model_text().replace("name: drm", f"name: {name}")
    path.write_text(text.replace("{kind: polynomial, order: 2}", more) if more else text)
    return path


def test_models_are_named_by_their_letters_and_digits(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.yaml", "two_areas"), write(tmp_path / "b.yaml", "no feedback 2")]
    assert list(load_models(files)) == ["twoareas", "nofeedback2"]
    assert load_models([]) == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("glm", "'glm' is taken"),
        ("GLM", "'GLM' is taken"),
        ("truth", "'truth' is taken"),
        ("mean", "'mean' is taken"),
        ("free_hrf", "'freehrf' is taken"),
        ("timing", "'timing' is taken"),
        ("permutation", "'permutation' is taken"),
        ("glm_residual", "'glmresidual' is taken"),
        ("___", "no letters"),
    ],
)
def test_a_name_that_cannot_be_used(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_models([write(tmp_path / "a.yaml", name)])


def test_the_command_line_takes_one_readout(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "one")
    text = file.read_text()
    several = "readouts: {bold: {regions: {each_region: [each_region]}}}\n"
    file.write_text(text[: text.index("readout:")] + several)
    with pytest.raises(ModelError, match=r"a\.yaml: readouts: the command line reads one kind"):
        load_models([file])


def test_two_models_of_one_name(tmp_path: Path) -> None:
    other = "{kind: cosine, high_pass_hz: 0.01}"
    files = [
        write(tmp_path / "a.yaml", "one"),
        write(tmp_path / "b.yaml", "O-n-e"),
        write(tmp_path / "c.yaml", "two", other),
    ]
    with pytest.raises(ModelError) as caught:
        load_models(files)
    names, nuisance = caught.value.problems
    assert names.startswith(f"{files[1]}: name: 'O-n-e': the name 'One' is taken")
    assert nuisance.startswith(f"{files[2]}: readout: drift or confounds differ")


def test_models_must_leave_out_the_same(tmp_path: Path) -> None:
    other = "{kind: cosine, high_pass_hz: 0.01}"
    files = [write(tmp_path / "a.yaml", "one"), write(tmp_path / "b.yaml", "two", other)]
    first, second = (load_models([f]).popitem()[1] for f in files)
    assert scoring_nuisance(first) != scoring_nuisance(second)
    with pytest.raises(ModelError, match=r"b\.yaml: readout: drift or confounds differ"):
        load_models(files)


def test_every_faulty_file_is_named(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{k}.yaml", k, "{kind: wavy}") for k in ("a", "b")]
    with pytest.raises(ModelError) as caught:
        load_models(files)
    assert {problem.split(".yaml")[0][-1] for problem in caught.value.problems} == {"a", "b"}


def test_every_label_is_described() -> None:
    said = describe_models(["one", "two"])
    assert {
        "glm",
        "mean",
        "meanpredicted",
        "one",
        "two",
        "onepredicted",
        "tworesidual",
        "scores",
    } <= set(said)
