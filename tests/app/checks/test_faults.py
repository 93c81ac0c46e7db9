"""Faults that data come with, planted one at a time: each is found, with a remedy, in one line."""

import gzip
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from drmbids.app.cli.main import main
from drmbids.bids.files.problems import CODES

ROOT = Path(__file__).resolve().parents[3]
HEADER = "onset\tduration\ttrial_type\n"
FACE = "4\t2\tface\n"
MODEL = """\
schema_version: 1
stimuli: {events: {conditions: [face, house]}}
populations: {V1: {kind: leaky}}
projections: [{from: events, to: V1}]
readout: {regions: {brain: [V1]}}
"""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Parameters
    ----------
    number : int
        Number of the fault in the list of faults that users' data come with.
    plant : callable
        Puts the fault into a dataset; what it returns are options of the command.
    code : str or None
        Code of the problem; None where the data are right, whatever they look like.
    found : str
        Pattern that the problem must show, in file, place or words.
    """

    number: int
    plant: Callable[[Any], Any]
    code: str | None
    found: str = ""


def rewrite(edit: Callable[[bytes], bytes]) -> Callable[[Any], None]:
    """Return a fault that edits the bytes of an image."""

    def plant(tree: Any) -> None:
        tree.bold.write_bytes(edit(tree.bold.read_bytes()))

    return plant


def unpacked(edit: Callable[[bytearray], Any]) -> Callable[[Any], None]:
    """Return a fault that edits the bytes inside a packed image."""

    def edited(content: bytes) -> bytes:
        plain = bytearray(gzip.decompress(content))
        edit(plain)
        return gzip.compress(bytes(plain))

    return rewrite(edited)


def events(text: str | bytes, add: bool = False) -> Callable[[Any], None]:
    """Return a fault that writes the events of a run."""

    def plant(tree: Any) -> None:
        content = text if isinstance(text, bytes) else text.encode()
        tree.events.write_bytes((tree.events.read_bytes() if add else b"") + content)

    return plant


def metadata(**content: Any) -> Callable[[Any], None]:
    """Return a fault that writes the sidecar of all runs."""

    def plant(tree: Any) -> None:
        tree.sidecar.write_text(json.dumps(content))

    return plant


def voxels(edit: Callable[[np.ndarray], Any]) -> Callable[[Any], None]:
    """Return a fault that edits the values of an image."""
    return lambda tree: tree.image(edit)


def allowed(edit: Callable[[np.ndarray], Any]) -> Callable[[Any], list[str]]:
    """Return a fault in the values of an image that the command is told to allow."""

    def plant(tree: Any) -> list[str]:
        tree.image(edit)
        return ["--allow-gaps"]

    return plant


def flipped(content: bytes) -> bytes:
    """Return a file with one bit of its middle flipped."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def set_at(place: Any, value: float) -> Callable[[np.ndarray], None]:
    """Return an edit that sets some values."""

    def edit(data: np.ndarray) -> None:
        data[place] = value

    return edit


def no_affine(plain: bytearray) -> None:
    """Take the orientation out of a NIfTI header: sform all zero, no qform."""
    plain[252:256] = np.array([0, 1], "<i2").tobytes()
    plain[280:328] = bytes(48)


def broken_link(tree: Any) -> None:
    """Leave a link to content that was not downloaded."""
    tree.bold.unlink()
    tree.bold.symlink_to("../../.git/annex/objects/x.nii.gz")


def atlas(edit: Callable[[np.ndarray], Any], name: str = "atlas.nii.gz", shift: float = 0) -> Any:
    """Return a fault: an atlas of two regions, edited, put ``shift`` mm aside."""

    def plant(tree: Any) -> list[str]:
        labels = np.zeros((4, 3, 2), np.float32)
        labels[1], labels[2] = 1, 2
        edit(labels)
        affine = np.diag([3.0, 3.0, 3.0, 1.0])
        affine[0, 3] = shift
        nib.save(nib.Nifti1Image(labels, affine), tree.root / name)
        return ["--atlas", str(tree.root / name)]

    return plant


def quiet_region(value: float) -> Callable[[Any], list[str]]:
    """Return a fault: region 1 of an atlas holds one value in all volumes of a run."""

    def plant(tree: Any) -> list[str]:
        tree.image(set_at(1, value))
        return atlas(lambda labels: None)(tree)

    return plant


def other_space(tree: Any) -> list[str]:
    """Give the data a space, and the atlas another one on the same grid."""
    for path in tree.func.glob("*_bold.nii.gz"):
        path.rename(path.with_name(path.name.replace("_bold", "_space-MNI152NLin6Asym_bold")))
    return atlas(lambda labels: None, "sub-01_space-T1w_dseg.nii.gz")(tree)


def another_header_tr(tree: Any) -> None:
    """Let one header state another repetition time than the sidecar."""
    image = nib.load(tree.bold)
    image.header.set_zooms((3.0, 3.0, 3.0, 2.5))
    nib.save(nib.Nifti1Image(image.get_fdata(), None, image.header), tree.bold)


def another_tr(tree: Any) -> None:
    """Let one run have a repetition time of its own, header and sidecar."""
    another_header_tr(tree)
    sidecar = tree.bold.with_name(tree.bold.name.replace(".nii.gz", ".json"))
    sidecar.write_text(json.dumps({"RepetitionTime": 2.5}))


def another_grid(tree: Any) -> None:
    """Move one image by a voxel."""
    image = nib.load(tree.bold)
    affine = image.affine.copy()
    affine[0, 3] = 3
    nib.save(nib.Nifti1Image(image.get_fdata(), affine, image.header), tree.bold)


def another_space(tree: Any) -> None:
    """Let one run be in a space of its own."""
    tree.bold.rename(tree.bold.with_name(tree.bold.name.replace("_bold", "_space-T1w_bold")))


def model(old: str = "", new: str = "") -> Callable[[Any], list[str]]:
    """Return a fault: a model file with some text replaced."""

    def plant(tree: Any) -> list[str]:
        assert old in MODEL
        path = tree.root / "model.yaml"
        path.write_text(MODEL.replace(old, new, 1) if old else new or MODEL)
        return ["--model", str(path)]

    return plant


def no_names_for_a_model(tree: Any) -> list[str]:
    """Take the conditions out of all events, which a model names."""
    for path in tree.func.glob("*_events.tsv"):
        path.write_text("onset\tduration\n4\t2\n20\t2\n")
    return model()(tree)


def confounds(edit: Callable[[list[str]], list[str]], *columns: str) -> Callable[[Any], list[str]]:
    """Return a fault that edits the lines of a confounds table, and the columns asked for."""

    def plant(tree: Any) -> list[str]:
        lines = tree.confounds.read_text().splitlines()
        tree.confounds.write_text("\n".join(edit(lines)) + "\n")
        return ["--confounds", *columns]

    return plant


def missing_at(line: int) -> Callable[[list[str]], list[str]]:
    """Return an edit that takes the first value out of a line (the header is line 1)."""

    def edit(lines: list[str]) -> list[str]:
        lines[line - 1] = "n/a\t" + lines[line - 1].partition("\t")[2]
        return lines

    return edit


def stimulus(name: str, link: str = "") -> Callable[[Any], None]:
    """Return a fault: an event names a stimulus file, perhaps a link that leads elsewhere."""

    def plant(tree: Any) -> None:
        (tree.root / "stimuli").mkdir()
        (tree.root.parent / "secret.png").write_bytes(b"x")
        if link:
            (tree.root / "stimuli" / name).symlink_to(link)
        tree.events.write_text(
            "onset\tduration\ttrial_type\tstim_file\n"
            f"4\t2\tface\tn/a\n20\t2\thouse\t{name}\n40\t4\tface\t{name}\n"
        )

    return plant


def shown(
    name: str, content: bytes | None, rate: float | None = None
) -> Callable[[Any], list[str]]:
    """Return a fault: the file of a stimulus that is asked for holds what it should not."""

    def plant(tree: Any) -> list[str]:
        stimulus(name)(tree)
        path = tree.root / "stimuli" / name
        if content is not None:
            path.write_bytes(content)
        if rate is not None:
            path.with_suffix(".json").write_text(json.dumps({"SamplingFrequency": rate}))
        return ["--stimuli", "stim_file"]

    return plant


def sampled(text: str, rate: Any = 10) -> Callable[[Any], list[str]]:
    """Return a fault: a sampled stimulus that is asked for holds what it should not."""

    def plant(tree: Any) -> list[str]:
        stem = tree.func / "sub-01_task-x_run-2_stim"
        Path(f"{stem}.tsv.gz").write_bytes(gzip.compress(text.encode()))
        described = {"Columns": ["volume"], "SamplingFrequency": rate, "StartTime": 0.0}
        Path(f"{stem}.json").write_text(json.dumps(described))
        return ["--stimuli", "stim"]

    return plant


def png(width: int, height: int) -> bytes:
    """Return a picture of one grey, which packs very well."""
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "png")
    return buffer.getvalue()


def npy(values: np.ndarray) -> bytes:
    """Return an array as a file."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def removed(*names: str) -> Callable[[Any], None]:
    """Return a fault that removes what matches the patterns, folders whole."""

    def plant(tree: Any) -> None:
        for name in names:
            for path in sorted(tree.root.glob(name), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()

    return plant


def same_run_twice(tree: Any) -> None:
    """Let run 2 be there as run-2 and run-02."""
    again = tree.bold.with_name(tree.bold.name.replace("run-2", "run-02"))
    again.write_bytes(tree.bold.read_bytes())


def wrong_case(tree: Any) -> None:
    """Add a participant whose folder is in the wrong case."""
    (tree.root / "Sub-02" / "func").mkdir(parents=True)


def loop(tree: Any) -> None:
    """Add a link that leads back up."""
    (tree.func / "again").symlink_to("..")


def wrong_root(tree: Any) -> None:
    """Let what should be the root be a file."""
    for path in sorted(tree.root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    tree.root.rmdir()
    tree.root.write_text("")


def in_volumes(tree: Any) -> None:
    """Count onsets in volumes."""
    tree.events.write_text(HEADER + "".join(f"{4 + 11 * k + k // 3}\t1\ta\n" for k in range(4)))


def different_names(tree: Any) -> None:
    """Name conditions after the pictures, others in each run."""
    for k, path in enumerate(sorted(tree.func.glob("*_events.tsv"))):
        path.write_text(HEADER + f"4\t2\tpicture{k}a\n20\t2\tpicture{k}b\n")


def modulated(tree: Any) -> None:
    """Add the column that multiplies events in nilearn."""
    tree.events.write_text(HEADER.strip() + "\tmodulation\n4\t2\tface\t3\n20\t2\thouse\t2\n")


def ignored(text: str) -> Callable[[Any], None]:
    """Return a fault that writes ``.bidsignore``."""
    return lambda tree: (tree.root / ".bidsignore").write_text(text + "\n") and None


def asked(*options: str) -> Callable[[Any], list[str]]:
    """Return no fault, but options."""
    return lambda tree: list(options)


BOMB = "a: &a [x, x]\n" + "".join(f"b{k}: &b{k} [*a, *a]\n" for k in range(9)) + "schema_version: 1"
FAULTS = [
    Fault(1, rewrite(lambda c: c[: len(c) // 2]), "IM04", "cut after"),
    Fault(2, rewrite(flipped), "IM04", "damaged after"),
    Fault(3, rewrite(lambda c: c + b"garbage"), "IM09", "after the end"),
    Fault(4, rewrite(gzip.decompress), "IM03", "rename it to .nii"),
    Fault(5, rewrite(lambda c: b""), "IM02", "empty"),
    Fault(6, rewrite(lambda c: b"/annex/objects/MD5E-s1--0.nii.gz"), "IM01", "datalad get"),
    Fault(6, broken_link, "IM01", "datalad get"),
    Fault(7, rewrite(lambda c: b"<!DOCTYPE html><html>login"), "IM02", "a web page"),
    Fault(8, unpacked(lambda p: p.__setitem__(slice(42, 48), b"0u0u0u")), "IM05", "30000, 30000"),
    Fault(9, unpacked(lambda p: p.extend(bytes(2**22))), "IM07", "unpacked it holds"),
    Fault(10, voxels(set_at((1, 1, 1, 7), np.nan)), "IM18", "brain: 1 of 18.*--allow-gaps"),
    Fault(10, allowed(set_at((1, 1, 1, 7), np.nan)), "IM16", "brain: 1 of 18"),
    Fault(10, voxels(set_at((1, 1, 1), np.nan)), "IM16", "brain: 1 of 18"),
    Fault(11, voxels(set_at((..., 7), np.nan)), "IM15", r"volumes \[7\]"),
    Fault(12, voxels(set_at((1, 1, 1, 7), np.inf)), "IM18", "brain: 1 of 18"),
    Fault(13, quiet_region(3.0), "RG05", "region 1"),
    Fault(14, quiet_region(0.0), "RG05", "region 1.*field of view"),
    Fault(15, atlas(lambda labels: None, shift=3.0), "IM14", "different affines"),
    Fault(16, other_space, "RG06", "space T1w.*MNI152NLin6Asym"),
    Fault(17, atlas(set_at((1, 0, 0), 1.5)), "RG02", r"voxel \(1, 0, 0\).*1.5"),
    Fault(18, unpacked(no_affine), "IM08", "affine"),
    Fault(19, voxels(lambda data: data[..., 0]), "IM10", "3-D"),
    Fault(20, voxels(lambda data: data[..., None] + np.zeros(2)), "IM10", "5-D"),
    Fault(21, voxels(lambda data: data[..., :1]), "IM10", "1 volumes"),
    Fault(22, metadata(RepetitionTime=0), "IM11", "0 s is not within"),
    Fault(22, metadata(RepetitionTime=2000), "IM11", "milliseconds"),
    Fault(22, metadata(RepetitionTime=2, SliceTiming=[0, 670]), "TM01", "slice 1 is 670 s.*millis"),
    Fault(22, metadata(RepetitionTime=2, StartTime=1000), "TM01", "1000 s is not within.*millisec"),
    Fault(22, metadata(RepetitionTime=2, StartTime=1), None),
    Fault(22, metadata(RepetitionTime=2, SliceTimingCorrected=True), "TM02", "StartTime"),
    Fault(22, metadata(VolumeTiming=[2.0] * 40), "TM01", "2 s after 2 s for volume 1"),
    Fault(23, asked("--tr", "3"), "IM12", "is 3 s, RepetitionTime 2 s in the .*, 2 s in the image"),
    Fault(23, another_header_tr, "IM12", "2 s in the sidecar, 2.5 s in the image header"),
    Fault(24, metadata(TaskName="x"), "IM11", "--tr"),
    Fault(25, metadata(RepetitionTime="2.0"), "IM11", "'2.0' is not a number"),
    Fault(25, metadata(RepetitionTime=float("nan")), "DS02", "NaN is not a JSON number"),
    Fault(26, another_tr, "IM13", "2 s, .*2.5 s"),
    Fault(26, another_grid, "IM14", "different affines"),
    Fault(26, another_space, "DS05", "space"),
    Fault(
        27,
        model("{regions:", "{drift: {kind: cosine, high_pass_hz: 0.4}, regions:"),
        "DG01",
        "40 drift and confound columns leave nothing of 40 volumes",
    ),
    Fault(28, events(HEADER + "4000\t2\tface\n9000\t2\thouse\n"), "EV05", "lines 2, 3.*milli"),
    Fault(28, events(HEADER + "4\t2000\tface\n9\t500\thouse\n"), "EV17", "lines 2, 3.*milli"),
    Fault(28, events(HEADER + "4\t90\tface\n"), "EV18", "line 2.*90 s in a run of 80 s"),
    Fault(28, in_volumes, "EV18", "all 4 onsets are whole numbers, the last one is 38, .*40 vol"),
    Fault(28, events(HEADER + "".join(f"{k}\t8\ta\n" for k in range(9))), "EV18", "8 of 9 events"),
    Fault(29, events(HEADER + "80\t2\tface\n90\t2\thouse\n"), "EV05", "so 2 of 2 events"),
    Fault(29, events("90\t2\tface\n", add=True), "EV06", "line 6.*1 of 5.*after the run's end"),
    Fault(30, events("-4\t2\tface\n", add=True), "EV06", "line 6.*1 of 5.*before time 0"),
    Fault(31, events("30\t-2\tface\n", add=True), "EV03", "line 6.*'-2'"),
    Fault(32, events("n/a\t2\tface\n", add=True), "EV02", "line 6.*missing onset"),
    Fault(32, events("30\tn/a\tface\n", add=True), "EV02", "line 6.*missing duration"),
    Fault(32, events("nan\t2\tface\n", add=True), "TB04", "line 6.*'nan'"),
    Fault(33, events("30\t2\tn/a\n", add=True), "EV02", "line 6.*missing trial_type"),
    Fault(33, events("30\t2\tNone\n", add=True), "EV16", "line 6: trial_type 'None'"),
    Fault(33, events("30\t2\tnull\n", add=True), "EV16", "line 6: trial_type 'null'"),
    Fault(34, events("onset\tduration\n4\t2\n"), "EV07", "trial_type"),
    Fault(34, no_names_for_a_model, "MD02", "face"),
    Fault(35, events("onset\ttrial_type\n4\tface\n"), "TB03", "no column 'duration'"),
    Fault(36, events(FACE, add=True), "EV04", "line 6: repeats the event of line 2"),
    Fault(37, events("30\t2\tconstant\n", add=True), "EV10", "'constant' occurs"),
    Fault(37, events("30\t2\tFace\n", add=True), "EV19", "'Face', 'face' differ in blanks or cap"),
    Fault(37, events("30\t2\tface \n", add=True), "EV19", "line 6: trial_type 'face '"),
    Fault(
        37,
        different_names,
        "EV10",
        "6 of 6 conditions occur in only one of the 3 runs: .* and 1 more",
    ),
    Fault(38, modulated, "EV20", "'modulation' is there, and is not used"),
    Fault(38, events(HEADER + "0\t4\t2\tface\n1\t6\t2\thouse\n"), "TB02", "lines 2, 3: 4 fields"),
    Fault(39, events("30\t2\tface\tx\n", add=True), "TB02", "line 6: 4 fields"),
    Fault(40, events("onset,duration,trial_type\n4,2,face\n"), "TB03", "separated by tabs"),
    Fault(41, events("30,5\t2\tface\n", add=True), "TB04", "line 6.*decimal point"),
    Fault(42, events(f"\ufeff{HEADER}{FACE}20\t2\thouse\n"), None),
    Fault(42, lambda tree: tree.sidecar.write_text("\ufeff" + tree.sidecar.read_text()), None),
    Fault(43, events((HEADER + FACE).encode("utf-16")), "TB01", "not UTF-8"),
    Fault(43, events((HEADER + "4\t2\tgrün\n").encode("latin-1")), "TB01", "not UTF-8"),
    Fault(44, events("30\t2\tfa\0ce\n", add=True), "TB01", "line 6.*NUL"),
    Fault(45, events('30\t2\t"face\n', add=True), "TB02", "line 6"),
    Fault(46, events(""), "TB01", "empty"),
    Fault(47, events(HEADER), "EV08", "no event"),
    Fault(48, events("onset\tonset\tduration\ttrial_type\n"), "TB02", "'onset' twice"),
    Fault(49, confounds(lambda lines: lines[:-3], "c1"), "CF04", "37 rows.*40 volumes"),
    Fault(50, confounds(missing_at(5), "c0"), "CF03", "line 5: c0 is missing"),
    Fault(51, confounds(lambda lines: lines, "c*"), "DG01", "leave nothing of 40 volumes"),
    Fault(52, stimulus("../../secret.png"), "EV12", "lines 3, 4.*stay inside"),
    Fault(52, stimulus("/etc/hostname"), "EV12", "stay inside"),
    Fault(53, stimulus("face.png", link="../../secret.png"), "EV12", "stay inside"),
    Fault(54, stimulus("face.png"), "EV11", "is not in"),
    Fault(54, shown("face.png", None), "EV13", "lines 3, 4: stim_file 'face.png' is not in"),
    Fault(54, shown("face.png", b"no picture"), "EV13", "no readable picture"),
    Fault(54, shown("big.png", png(9000, 9000)), "EV13", "9000 x 9000 pixels, above 50,000,000"),
    Fault(54, shown("film.mp4", b"film"), "EV13", "no readable film"),
    Fault(54, shown("film.npy", npy(np.array([[1.0], [np.nan]])), rate=25), "EV13", "not finite"),
    Fault(54, shown("film.npy", npy(np.ones((2, 1))), rate=-25), "EV13", "SamplingFrequency -25"),
    Fault(54, shown("film.npy", b"no array"), "EV13", "no readable array"),
    Fault(54, sampled("1\n2\n", rate="fast"), "EV14", "SamplingFrequency 'fast'"),
    Fault(54, sampled("1\nn/a\n"), "EV14", "line 2: 1 samples are missing, the first at 0.1 s"),
    Fault(55, removed("dataset_description.json"), "DS01", "dataset_description.json"),
    Fault(56, wrong_root, "DS01", "not a folder"),
    Fault(57, removed("sub-01/func/*", "sub-01/func", "sub-01"), "DS03", "0 participants"),
    Fault(58, same_run_twice, "DS06", "run-02_bold.*run-2_bold"),
    Fault(59, asked("--participant-label", "sub-01"), None),
    Fault(59, asked("--participant-label", "01"), None),
    Fault(60, asked("--participant-label", "07"), "DS03", "no participant 07; there are 01"),
    Fault(61, ignored("*_run-2_*"), "DS12", "leaves out sub-01_task-x_run-2; take it out"),
    Fault(61, ignored("sub-0[2-9]/\n# sub-01"), None),
    Fault(61, ignored("*_bold.nii.gz"), "DS04", "leaves out .*run-3, and nothing else matches"),
    Fault(61, wrong_case, "DS08", "Sub-02.*rename it sub-02"),
    Fault(62, loop, None),
    Fault(63, lambda tree: tree.sidecar.write_text('{\n"a": 1,\n}'), "DS02", "line [23]: not JSON"),
    Fault(65, model("{from: events, to: V1}", "{from: evnts, to: V1}"), "MD01", ":4.*'evnts'"),
    Fault(65, model("{from: events", "{from: V1, to: V1}, {from: events"), "MD01", "form a loop"),
    Fault(65, model("to: V1}]", "to: V1, delay_s: -1}]"), "MD01", "got -1"),
    Fault(65, model("brain: [V1]", "brain: [V3]"), "MD01", "unknown population 'V3'"),
    Fault(65, model("brain: [V1]", "nose: [V1]"), "MD02", "nose"),
    *[
        Fault(
            65, model("{regions:", f"{{kind: {kind}, regions:"), "MD02", f"{kind} is of {of}, .*B"
        )
        for kind, of in (
            ("lead_field", "EEG or MEG"),
            ("spikes", "spike counts"),
            ("calcium", "calcium fluorescence"),
            ("choice", "choices"),
        )
    ],
    Fault(66, model("schema_version: 1", "schema_version: 1\nschema_version: 1"), "MD01", "twice"),
    Fault(66, model("schema_version: 1", "schema_version: !!python/name:os.system"), "MD01"),
    Fault(66, model("", BOMB), "MD01"),
    Fault(
        68,
        model("to: V1}]", "to: V1, weights: {kind: fixed, file: ../../w.tsv}}]"),
        "MD01",
        r"'../../w.tsv' leads out of the folder",
    ),
    Fault(
        68,
        model("to: V1}]", "to: V1, weights: {kind: fixed, file: /etc/hosts}}]"),
        "MD01",
        "'/etc/hosts' leads out of the folder",
    ),
    Fault(
        68,
        model("to: V1}]", "to: V1, weights: {kind: fixed, file: //etc/hosts}}]"),
        "MD01",
        "'//etc/hosts' leads out of the folder",
    ),
    Fault(67, model("schema_version: 1", "schema_version: 99"), "MD01", "99"),
]

# Faults that are met elsewhere: the test that meets them.
ELSEWHERE = {
    64: ("tests/app/cli/test_faults.py", "test_output_among_the_inputs"),
    70: (
        "tests/brain/net/test_stability.py",
        "test_training_does_not_start_with_steps_that_blow_up",
    ),
    75: (
        "tests/app/jobs/test_side_by_side.py",
        "test_a_killed_process_is_named_and_the_others_finish",
    ),
    78: (
        "tests/app/cli/test_interrupted.py",
        "test_a_participant_of_another_process_is_left_alone",
    ),
    79: ("tests/data/storage/test_files.py", "test_a_stale_handle_is_tried_again"),
    84: ("tests/app/cli/test_machines.py", "test_a_strange_machine_changes_nothing"),
    80: (
        "tests/fit/training/test_checkpoint.py",
        "test_a_checkpoint_with_a_fault_is_refused_and_the_one_before_serves",
    ),
    81: (
        "tests/fit/training/test_checkpoint.py",
        "test_a_checkpoint_of_another_training_is_refused",
    ),
    69: ("tests/fit/training/test_drm.py", "test_a_loss_that_is_not_finite_ends_training"),
    71: ("tests/maths/metrics/test_scores.py", "test_a_constant_or_absent_series_has_no_score"),
    72: ("tests/app/analysis/test_unmoved.py", "test_parameters_without_a_gradient_are_named"),
    73: ("tests/fit/training/test_memory.py", "test_the_window_is_halved_once"),
    74: ("tests/app/cli/test_faults.py", "test_absent_device"),
    76: ("tests/app/cli/test_faults.py", "test_interrupted_run_leaves_the_earlier_result"),
    77: ("tests/app/cli/test_faults.py", "test_full_disk_leaves_nothing"),
    82: ("tests/fit/estimators/test_drm.py", "test_a_fit_depends_on_its_seed_alone"),
    83: (
        "tests/compare/crossvalidation/test_compare.py",
        "test_folds_that_leak_or_cannot_be_are_refused",
    ),
}

# Faults that cannot come up, and why.
NOT_MET = {
    85: "there is no editor of model files",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.number}-{f.code}-{f.found[:20]}")
def test_fault(fault: Fault, tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    options = fault.plant(tree)
    code = main(
        ["check", str(tree.root), "--json", *(options if isinstance(options, list) else [])]
    )
    captured = capsys.readouterr()
    assert captured.err == ""
    problems = json.loads(captured.out)
    if fault.code is None:
        assert (problems, code) == ([], 0)
        return
    same = [p for p in problems if p["code"] == fault.code]
    assert same, problems
    told = "\n".join("{file}: {where}: {found}; {remedy}".format(**p) for p in same)
    assert re.search(fault.found, told), told
    assert all(p["file"] and p["found"] and p["remedy"] and "\n" not in str(p) for p in problems)
    assert "Traceback" not in told
    severe = [p["code"] for p in problems if p["severity"] == "error"]
    assert code == (0 if not severe else 2 if all(c.startswith("MD") for c in severe) else 65)
    assert (fault.code in severe) == (CODES[fault.code][0] == "error")


def test_every_fault_of_the_list_has_its_place() -> None:
    planted = {fault.number for fault in FAULTS}
    assert sorted([*planted, *ELSEWHERE, *NOT_MET]) == list(range(1, 86))


@pytest.mark.parametrize("number", ELSEWHERE)
def test_the_test_elsewhere_is_there(number: int) -> None:
    file, name = ELSEWHERE[number]
    assert re.search(rf"^def {name}", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
