"""The pages for developers name the wings, folders and files that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "developer"
PAGE = (PAGES / "files.md").read_text(encoding="utf-8")
FILES = (
    (ROOT / "tests" / "app" / "cli" / "participant_files.txt").read_text(encoding="utf-8").split()
)
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


def test_the_wings_and_folders_are_those_of_the_package() -> None:
    page = (PAGES / "architecture.md").read_text(encoding="utf-8")
    plan = page.partition("```\n")[2].partition("```")[0]
    named = {
        (wing, folder)
        for line in plan.splitlines()
        for wing, *folders in [re.findall(r"\b([a-z]+)/", line)]
        for folder in folders
    }
    there = {path.parts[-3:-1] for path in (ROOT / "drmbids").glob("*/*/__init__.py")}
    assert there == named


def test_every_wing_has_its_page() -> None:
    wings = {path.parent.name for path in (ROOT / "drmbids").glob("*/__init__.py")}
    assert {path.stem for path in (PAGES / "wings").glob("*.md")} == wings
    for wing in wings:
        page = (PAGES / "wings" / f"{wing}.md").read_text(encoding="utf-8")
        folders = {path.parent.name for path in (ROOT / "drmbids" / wing).glob("*/__init__.py")}
        assert set(re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE)) == folders


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [*PAGES.rglob("*.md"), ROOT / "CONTRIBUTING.md"]
    lost = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert len(pages) > 8 and lost == []
