"""The page for users lists the stages and codes that there are."""

import re
from pathlib import Path

from drmbids.app.checks import CHECKS
from drmbids.bids.files.problems import CODES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "user" / "check.md").read_text(encoding="utf-8")


def test_the_page_has_every_code_as_the_table_has_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [(code, *told) for code, told in CODES.items()]


def test_the_page_has_every_stage() -> None:
    table = PAGE.partition("| stage |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| (\w+) \|", table, re.MULTILINE) == list(CHECKS)


def test_every_code_is_used_and_every_used_code_is_there() -> None:
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "drmbids").rglob("*.py"))
    source = source.replace(Path(ROOT / "drmbids/bids/files/problems.py").read_text("utf-8"), "")
    used = set(re.findall(r'"((?:DS|IM|TM|TB|EV|CF|PH|RG|MD|DG)\d\d)"', source))
    assert used == set(CODES)
