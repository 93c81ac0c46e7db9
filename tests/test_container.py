"""The recipes of the containers name files that are there and copy what is installed."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECIPES = {
    "Dockerfile": re.compile(r"^COPY (?!--from)(.+) \S+$", re.MULTILINE),
    "apptainer.def": re.compile(r"^    (\S+) /src/\S+$", re.MULTILINE),
}


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_a_recipe_copies_what_an_installation_needs(recipe: str) -> None:
    text = (ROOT / recipe).read_text()
    copied = {name for group in RECIPES[recipe].findall(text) for name in group.split()}
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"}
    built = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed |= {*built["packages"], *built["force-include"], "constraints.txt"}
    assert copied == needed
    extras = re.search(r'"/src\[(.+)\]"', text)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["project"]["optional-dependencies"])


def test_what_is_copied_is_not_ignored() -> None:
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")
    }
    copied = RECIPES["Dockerfile"].findall((ROOT / "Dockerfile").read_text())
    assert {name for group in copied for name in group.split()} == kept


def test_the_container_runs_as_any_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    user = next(line for line in lines if line.startswith("USER"))
    assert user.split()[1].split(":")[0] not in ("0", "root")
    assert 'ENTRYPOINT ["drmbids"]' in lines
