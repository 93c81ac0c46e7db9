"""Messages go to the right stream, and warnings are kept."""

import logging
import os
import sys
import warnings
from pathlib import Path

import pytest

from drmbids.app.analysis.logs import collected_warnings, logger, logging_to, new_call_folder
from drmbids.data.tools.exceptions import DataWarning, OutputError


@pytest.mark.parametrize(
    ("verbosity", "out"), [(-1, ""), (0, "progress\n"), (1, "detail\nprogress\n")]
)
def test_streams_and_file(
    tmp_path: Path, verbosity: int, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(tmp_path / "x.log", verbosity):
        logger.debug("detail")
        logger.info("progress")
        try:
            raise ValueError("inside")
        except ValueError as error:
            logger.error("wrong", exc_info=error)
    captured = capsys.readouterr()
    assert captured.out == out
    assert captured.err == "drmbids: error: wrong\n"
    text = (tmp_path / "x.log").read_text()
    assert all(word in text for word in ("detail", "progress", "wrong", "ValueError: inside"))


def test_reader_that_has_gone_does_not_end_the_analysis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with logging_to(tmp_path / "log"):
            logger.info("one")
            logger.info("two")
        monkeypatch.undo()
    assert capsys.readouterr().err == ""
    assert [line[-3:] for line in (tmp_path / "log").read_text().splitlines()] == ["one", "two"]


def test_handlers_are_taken_off_again(tmp_path: Path) -> None:
    before = list(logger.handlers), logger.level
    with pytest.raises(KeyError), logging_to(tmp_path / "x.log"):
        raise KeyError
    assert (list(logger.handlers), logger.level) == before


def test_warnings_are_collected_once_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "drmbids"), collected_warnings("sub-01") as texts:
        for _ in range(3):
            warnings.warn("few\nvolumes", DataWarning, stacklevel=1)
        warnings.warn("old name", FutureWarning, stacklevel=1)
    assert texts == ["few volumes"]
    levels = {record.getMessage(): record.levelname for record in caplog.records}
    assert levels == {
        "sub-01: few volumes": "WARNING",
        "sub-01: FutureWarning: old name": "DEBUG",
    }


def test_every_call_has_a_folder_of_its_own(tmp_path: Path) -> None:
    first, second = new_call_folder(tmp_path), new_call_folder(tmp_path)
    assert first != second and first.is_dir() and first.parent == tmp_path / "logs"


def test_call_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        new_call_folder(tmp_path)


def test_a_warning_that_participants_share_is_shown_once_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn_all() -> None:
        for k in range(1, 9):
            logger.warning("sub-%02d: sub-%02d_events.tsv: %d of 20 events are late", k, k, k)
            logger.warning("sub-%02d: only here: %s", k, "x" * k)
        logger.warning("sub-01: sub-01_events.tsv: 9 of 20 events are late")

    with logging_to(tmp_path / "x.log"):
        warn_all()
    err = capsys.readouterr().err.splitlines()
    assert sum("events are late" in line for line in err) == 3
    assert err[-1] == (
        "drmbids: warning: the same warning as of sub-01 in sub-02, sub-03, sub-04, sub-05, sub-06 "
        f"and 2 more: sub-02_events.tsv: 2 of 20 events are late… (each in {tmp_path / 'x.log'})"
    )
    assert sum("only here" in line for line in err) == 8
    assert (tmp_path / "x.log").read_text().count("of 20 events are late") == 10
    with logging_to(tmp_path / "x.log", verbosity=1):
        warn_all()
    assert capsys.readouterr().err.count("events are late") == 9
