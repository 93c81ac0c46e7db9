"""Damaged images: each is refused in one line that names the file and what to do."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from drmbids.bids.reading.images import open_image
from drmbids.bids.reading.load import load_runs
from drmbids.data.tools.exceptions import DataError, DataWarning


@pytest.fixture
def bold(tiny: Path) -> Path:
    return tiny / "sub-01" / "func" / "sub-01_task-x_run-2_bold.nii.gz"


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def huge(content: bytes) -> bytes:
    plain = bytearray(gzip.decompress(content))
    plain[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    return gzip.compress(bytes(plain))


def without_affine(content: bytes) -> bytes:
    plain = bytearray(gzip.decompress(content))
    plain[252:256] = np.array([0, 1], "<i2").tobytes()
    plain[280:328] = bytes(48)
    return gzip.compress(bytes(plain))


DAMAGES = {
    "cut": (lambda c: c[: len(c) // 2], "the file is cut after"),
    "flipped bit": (flipped, "damaged after"),
    "wrong checksum": (lambda c: c[:-8] + bytes(8), "damaged after .*CRC"),
    "not packed": (gzip.decompress, "not gzip-compressed.*rename it to .nii"),
    "empty": (lambda _: b"", r"empty \(0 bytes\)"),
    "annex pointer": (lambda _: b"/annex/objects/MD5E-s1--0.nii.gz\n", "git-annex.*datalad get"),
    "web page": (lambda _: b"\n<!DOCTYPE html><html>login</html>", "a web page"),
    "packed text": (lambda _: gzip.compress(b"hello" * 200), "no readable NIfTI image"),
    "packed nothing": (lambda _: gzip.compress(b""), "no readable NIfTI image"),
    "huge header": (huge, r"\(30000, 30000, 30000, 40\) needs \d{13,}"),
    "cut then packed": (lambda c: gzip.compress(gzip.decompress(c)[:-100]), "the file is cut: it"),
    "grown then packed": (lambda c: gzip.compress(gzip.decompress(c) + bytes(2**21)), "needs"),
    "header only": (lambda c: gzip.compress(gzip.decompress(c)[:352]), "holds no data, only a"),
    "no affine": (without_affine, "no valid affine"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_file(tiny: Path, bold: Path, damage, message: str) -> None:
    bold.write_bytes(damage(bold.read_bytes()))
    with pytest.raises(DataError, match=message) as caught:
        load_runs(tiny)
    assert str(caught.value).startswith(str(bold)) and "\n" not in str(caught.value)


def test_every_flipped_bit_is_seen(bold: Path) -> None:
    whole = bold.read_bytes()
    seen, rng = 0, np.random.default_rng(0)
    # the first 10 bytes hold flags and a date, which no checksum covers
    places = rng.integers(10, len(whole), 60)
    for place in places:
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        bold.write_bytes(content)
        try:
            open_image(bold)
        except DataError:
            seen += 1
    assert seen == len(places)


def test_bytes_after_the_end(tiny: Path, bold: Path) -> None:
    bold.write_bytes(bold.read_bytes() + b"garbage")
    with pytest.warns(DataWarning, match="bytes after the end"):
        assert len(load_runs(tiny)) == 2


def test_a_file_that_grows_without_end(bold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drmbids.bids.reading.images._BOMB_BYTES", 2**20)
    bold.write_bytes(gzip.compress(gzip.decompress(bold.read_bytes()) + bytes(2**24)))
    with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
        open_image(bold)


def test_links_that_lead_nowhere(tiny: Path, bold: Path) -> None:
    bold.unlink()
    bold.symlink_to("../../.git/annex/objects/x.nii.gz")
    with pytest.raises(DataError, match="content not downloaded, the link leads nowhere"):
        load_runs(tiny)


def test_packed_file_named_nii(tiny: Path, bold: Path) -> None:
    bold.rename(bold.with_suffix(""))
    with pytest.raises(DataError, match=r"gzip-compressed; rename it to .nii.gz"):
        load_runs(tiny)


def test_names_that_are_no_nifti(tmp_path: Path) -> None:
    (tmp_path / "mask.mgz").write_bytes(b"x")
    with pytest.raises(DataError, match="not a NIfTI file by its name"):
        open_image(tmp_path / "mask.mgz")
    with pytest.raises(DataError, match="no such file"):
        open_image(tmp_path / "mask.nii")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 3, 2), r"3-D image \(4, 3, 2\); BOLD is 4-D"),
        ((4, 3, 2, 20, 2), "5-D image"),
        ((4, 3, 2, 9), "9 volumes; a run needs at least 10"),
    ],
)
def test_shapes_that_are_no_bold(tiny: Path, bold: Path, shape: tuple, message: str) -> None:
    nib.save(nib.Nifti1Image(np.ones(shape, np.float32), np.eye(4)), bold)
    with pytest.raises(DataError, match=f"run-2_bold.nii.gz: {message}"):
        load_runs(tiny)


def test_colours_are_no_bold(tiny: Path, bold: Path) -> None:
    rgb = np.zeros((4, 3, 2, 12), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(rgb, np.eye(4)), bold)
    with pytest.raises(DataError, match="real numbers are needed"):
        load_runs(tiny)


def test_damaged_sidecar(tiny: Path) -> None:
    (tiny / "task-x_bold.json").write_text('{\n"RepetitionTime": 2.0,\n}')
    with pytest.raises(DataError, match=r"task-x_bold.json: line [23]: not JSON"):
        load_runs(tiny)
    (tiny / "task-x_bold.json").write_text("[2.0]")
    with pytest.raises(DataError, match="expected a JSON object"):
        load_runs(tiny)
    (tiny / "task-x_bold.json").write_bytes('{"Manufacturer": "é"}'.encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        load_runs(tiny)
