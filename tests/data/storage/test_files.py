"""Files are written whole, also where a network file system loses sight of them."""

import errno
import os
from pathlib import Path

import pytest

from drmbids.data.storage import files
from drmbids.data.storage.bundle import load_bundle, save_bundle
from drmbids.data.tools.exceptions import OutputError

FSYNC = os.fsync  # the real one: in a test it does not wait for the disk


@pytest.mark.parametrize("n_times", [1, 3, 4])
def test_a_stale_handle_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_times: int
) -> None:
    left, read = [n_times], Path.read_bytes

    def lost() -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    def fsync(handle: int) -> None:
        lost()
        FSYNC(handle)

    def read_bytes(path: Path) -> bytes:
        lost()
        return read(path)

    monkeypatch.setattr(files, "WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr("drmbids.data.storage.files.os.fsync", fsync)
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    path = tmp_path / "x.txt"
    if n_times > 3:
        with pytest.raises(OutputError, match=r"x.txt: Stale file handle"):
            files.write_text(path, "new")
        assert list(tmp_path.iterdir()) == []
        return
    files.write_text(path, "new")
    assert read(path) == b"new" and left == [0]
    save_bundle(tmp_path / "unit", {"a": b"1"}, {"key": "k"})
    left[0] = n_times
    assert load_bundle(tmp_path / "unit", {"key": "k"})[0] == {"a": b"1"}
    assert left == [0]


def test_other_errors_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def full(handle: int) -> None:
        calls.append(handle)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("drmbids.data.storage.files.os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        files.write_text(tmp_path / "x.txt", "new")
    assert len(calls) == 1
