"""The page on the architecture names the rooms and the files that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "developer" / "architecture.md").read_text(encoding="utf-8")
FILES = (ROOT / "tests" / "cli" / "participant_files.txt").read_text(encoding="utf-8").split()
MEANING = {
    r"^[SR]_": r"sub-01_task-look(_run-\\d)?_",
    r"<(model|fitted)>": "(glm|freehrf|mean|drm)",
    r"<call>": "CALL",
    r"<([\w,]+)>": lambda found: f"({found[1].replace(',', '|')})",
    r"\*": ".*",
}


def rows() -> list[tuple[str, bool]]:
    """Return the files in the table as patterns of names, and whether they have a sidecar."""
    found = []
    table = PAGE.partition("| file | content |")[2]
    for line in table.splitlines()[2:]:
        if line.startswith("|"):
            cells = re.findall(r"`([^`]+)`", line.split(" | ")[0])
            names = [re.split(r"(?<=[\w\]>*])/", name)[-1] for name in cells if name != ".json"]
            found += [(name, ".json" in cells) for name in names]
    return found


def pattern(name: str) -> str:
    for meant, regex in MEANING.items():
        name = re.sub(meant, regex, name)
    return name


def matches(name: str, sidecar: bool, file: str) -> bool:
    regex = pattern(name)
    if sidecar and file.endswith(".json"):
        regex = re.sub(r"\.(tsv|nii\.gz)$", ".json", regex)
    return re.fullmatch(regex, file) is not None


def test_every_file_of_a_participant_is_in_the_table() -> None:
    names = {path.rpartition("/")[2] for path in FILES}
    unknown = [n for n in names if not any(matches(*row, n) for row in rows())]
    assert len(names) > 50 and unknown == []


# simulated data, what has to be asked for and the group level have tests of their own
ELSEWHERE = re.compile("recovery|truth|^group|^desc-|desc-parts|desc-pairs|_intervals")


@pytest.mark.parametrize("row", [row for row in rows() if not ELSEWHERE.search(row[0])], ids=str)
def test_every_file_in_the_table_is_written(row: tuple[str, bool]) -> None:
    assert any(matches(*row, path.rpartition("/")[2]) for path in FILES)


def test_the_rooms_are_those_of_the_package() -> None:
    plan = PAGE.partition("```\n")[2].partition("```")[0]
    named = {room for line in plan.splitlines() for room in re.findall(r"\b([a-z]+)/", line[:60])}
    there = {path.parent.name for path in (ROOT / "drmbids").glob("*/__init__.py")}
    assert there == named
