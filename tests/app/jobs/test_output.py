"""The output folder is no input, and holds whole participants only."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from drmbids.app.jobs import output
from drmbids.app.jobs.output import check_output, locked_participant, staged_participant
from drmbids.data.tools.exceptions import DataError, OutputError, UsageError


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    """Return an input folder."""
    (tmp_path / "ds" / "sub-01").mkdir(parents=True)
    return tmp_path / "ds"


@pytest.mark.parametrize("out", ["derivatives/drmbids", "../out", "results"])
def test_usual_places_are_made(bids: Path, out: str) -> None:
    check_output(bids, bids / out)
    assert list((bids / out).iterdir()) == []


@pytest.mark.parametrize("out", [".", "sub-01", "sub-01/x", "stimuli/x", "..", "../ds"])
def test_input_is_never_written(bids: Path, out: str) -> None:
    with pytest.raises(UsageError, match="the output"):
        check_output(bids, bids / out)


def test_a_link_to_the_input_is_seen_through(bids: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(bids)
    with pytest.raises(UsageError, match="the output is the input"):
        check_output(bids, tmp_path / "link")


def test_a_file_in_the_way(bids: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        check_output(bids, tmp_path / "file")


def write(stage: Path, content: str) -> None:
    """Write what a participant consists of."""
    (stage / "sub-01").mkdir()
    (stage / "sub-01" / f"{content}.txt").write_text(content)
    (stage / "sub-01.html").write_text(content)
    (stage / "logs").mkdir()


def test_a_complete_participant_replaces_the_earlier_one(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with staged_participant(tmp_path, "01") as stage:
            write(stage, content)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sub-01", "sub-01.html"]
    assert [p.name for p in (tmp_path / "sub-01").iterdir()] == ["new.txt"]
    assert (tmp_path / "sub-01.html").read_text() == "new"


@pytest.mark.parametrize("error", [DataError("bad"), KeyboardInterrupt(), ZeroDivisionError()])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    with staged_participant(tmp_path, "01") as stage:
        write(stage, "old")
    with pytest.raises(type(error)), staged_participant(tmp_path, "01") as stage:
        write(stage, "new")
        raise error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sub-01", "sub-01.html"]
    assert [p.name for p in (tmp_path / "sub-01").iterdir()] == ["old.txt"]


def test_a_move_that_fails_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with staged_participant(tmp_path, "01") as stage:
        write(stage, "old")
    rename = Path.rename

    def stale(self: Path, target: Path) -> Path:
        if self.name == "sub-01.html" and "new" in self.read_text():
            raise OSError(116, "Stale file handle")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stale)
    with pytest.raises(OutputError, match="Stale"), staged_participant(tmp_path, "01") as stage:
        write(stage, "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sub-01", "sub-01.html"]
    assert [p.name for p in (tmp_path / "sub-01").iterdir()] == ["old.txt"]
    assert (tmp_path / "sub-01.html").read_text() == "old"


@pytest.mark.parametrize("n_moves", range(6))
def test_a_move_that_was_killed_is_finished_by_the_next_process(
    tmp_path: Path, n_moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is cleaned up by a process that is killed, so that here nothing may be either."""
    with staged_participant(tmp_path, "01") as stage:
        write(stage, "old")
    rename, left = Path.rename, [n_moves]

    def counted(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return rename(self, target)

    class Killed(BaseException):
        """Ends the process here."""

    kept = tmp_path.parent / f"kept-{n_moves}"

    def keep(path: Path, **options: bool) -> None:
        if path.name.startswith(".sub-01-"):
            shutil.copytree(path, kept, dirs_exist_ok=True)
        real(path, **options)

    real = shutil.rmtree
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted)
        patch.setattr(output, "_put_back", lambda done, old: None)
        patch.setattr(output.shutil, "rmtree", keep)
        with suppress(Killed), staged_participant(tmp_path, "01") as stage:
            write(stage, "new")
            if n_moves == 0:
                raise Killed
    shutil.copytree(kept, tmp_path / ".sub-01-abcdef12")
    with locked_participant(tmp_path, "01"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sub-01", "sub-01.html"]
    expected = "new" if n_moves else "old"
    assert [p.name for p in (tmp_path / "sub-01").iterdir()] == [f"{expected}.txt"]
    assert (tmp_path / "sub-01.html").read_text() == expected


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        ("dataset_description.json", '{"GeneratedBy": [{"Name": "fMRIPrep"}]}', ".*fMRIPrep"),
        ("dataset_description.json", '{"Name": "mine"}', "the dataset of another"),
        ("README.md", "notes", "README.md"),
        ("sub-01/anat/x.txt", "", "sub-01"),
    ],
)
def test_what_others_wrote_is_never_replaced(
    tmp_path: Path, file: str, text: str, named: str
) -> None:
    bids, out = tmp_path / "bids", tmp_path / "out"
    bids.mkdir()
    path = out / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(UsageError, match=f"holds {named}, which drmbids did not write"):
        check_output(bids, out)
    assert path.read_text() == text
    own = '{"Name": "d", "GeneratedBy": [{"Name": "drmbids"}]}'
    (out / "dataset_description.json").write_text(own)
    check_output(bids, out)
