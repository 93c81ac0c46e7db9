import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drmbids.bids.files.find import find_runs
from drmbids.bids.reading import stim_files
from drmbids.bids.reading.load import load_runs
from drmbids.bids.reading.stim_files import PictureForm, decode, read_stim_files
from drmbids.bids.reading.stimuli import Stimuli, run_series
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.frames import Frames
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.time import TimeGrid
from drmbids.data.tools.exceptions import DataError


@pytest.fixture
def pictures(tiny: Path) -> Path:
    """Return a dataset whose events show a red and a black picture."""
    folder = tiny / "stimuli"
    folder.mkdir()
    for name, colour in (("red.png", (255, 0, 0)), ("black.png", (0, 0, 0))):
        Image.new("RGB", (6, 4), colour).save(folder / name)
    text = (
        "onset\tduration\ttrial_type\tstim_file\trating\n"
        "4\t2\tface\tred.png\t0.5\n20\t4\thouse\tblack.png\t2\n40\t2\tface\tn/a\tn/a\n"
    )
    for run in (1, 2):
        (tiny / "sub-01" / "func" / f"sub-01_task-x_run-{run}_events.tsv").write_text(text)
    return tiny


def events_of(root: Path) -> Path:
    return root / "sub-01" / "func" / "sub-01_task-x_run-1_events.tsv"


def show(root: Path, name: str) -> Path:
    """Let one event of 2 s show a stimulus."""
    path = events_of(root)
    path.write_text(f"onset\tduration\ttrial_type\tstim_file\n4\t2\tface\t{name}\n")
    return path


def test_pictures_become_channels_of_numbers(pictures: Path) -> None:
    frames = read_stim_files(events_of(pictures))
    assert (frames.shape, len(frames.source), frames.shown) == (
        (3, 4, 6),
        2,
        ("red.png", "black.png"),
    )
    shown = frames.sample(TimeGrid(1.0, 30))
    assert shown.shape == (30, 72)
    np.testing.assert_array_equal(shown[4:6, :24], 1.0)  # the red channel
    assert not shown[4:6, 24:].any() and not shown[:4].any() and not shown[6:].any()
    small = read_stim_files(events_of(pictures), PictureForm((2, 3), "gray"))
    assert small.shape == (1, 2, 3)
    np.testing.assert_allclose(small.sample(TimeGrid(1.0, 30))[4], 76 / 255)  # luma of red


def test_a_window_decodes_what_it_shows(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(path: Path, form: PictureForm) -> np.ndarray:
        read.append(path.name)
        return decode(path, form)

    monkeypatch.setattr(stim_files, "decode", counted)
    runs = load_runs(pictures, stimuli=Stimuli(more=["stim_file"], image_size=(2, 3)))
    assert isinstance(runs[0].stimuli["stim_file"], Frames)
    shown = {"stim_file": runs[0].stimuli["stim_file"].columns}
    data = iter(DRMIterator.from_runs(runs[:1], 0.5, stimuli=shown, window=20))
    assert read == []
    item = next(data)
    assert (read, item["stimulus"][0].shape) == (["red.png"], (20, 1, 18))
    next(data)
    assert read == ["red.png"]
    next(data)
    assert read == ["red.png", "black.png"]


def test_pictures_of_different_sizes_need_one(pictures: Path) -> None:
    Image.new("RGB", (5, 4)).save(pictures / "stimuli" / "black.png")
    with pytest.raises(DataError, match=r"shape \(3, 4, 5\), those of red.png have \(3, 4, 6\)"):
        read_stim_files(events_of(pictures))
    assert read_stim_files(events_of(pictures), PictureForm((2, 2))).shape == (3, 2, 2)


def test_a_film_is_shown_at_its_rate_until_its_event_ends(pictures: Path) -> None:
    folder = pictures / "stimuli"
    np.save(folder / "film.npy", np.arange(12.0).reshape(6, 2))
    events = show(pictures, "film.npy")
    assert len(read_stim_files(events).source) == 1  # without a rate, one frame of 6 by 2
    (folder / "film.json").write_text(json.dumps({"SamplingFrequency": 2.0}))
    frames = read_stim_files(events)
    np.testing.assert_array_equal(
        frames.sample(TimeGrid(0.5, 14))[7:13],
        [[0, 0], [0, 1], [2, 3], [4, 5], [6, 7], [0, 0]],  # 4 of 6 frames in 2 s
    )


def test_a_folder_of_pictures_is_a_film(pictures: Path) -> None:
    film = pictures / "stimuli" / "clip"
    film.mkdir()
    for k in (0, 1, 2):
        Image.new("L", (2, 2), 51 * k).save(film / f"frame{k}.png")
    events = show(pictures, "clip")
    with pytest.raises(DataError, match=r"3 pictures, SamplingFrequency None in clip.json"):
        read_stim_files(events)
    film.with_name("clip.json").write_text('{"SamplingFrequency": 1}')
    frames = read_stim_files(events, PictureForm(None, "gray"))
    np.testing.assert_allclose(frames.sample(TimeGrid(1.0, 8))[4:7, 0], [0.0, 0.2, 0.0])


def test_a_table_of_features(pictures: Path) -> None:
    path = pictures / "stimuli" / "features.tsv"
    path.write_text("loud\tbright\n1\t2\n3\t4\n")
    path.with_suffix(".json").write_text('{"SamplingFrequency": 1}')
    frames = read_stim_files(show(pictures, "features.tsv"))
    np.testing.assert_array_equal(frames.sample(TimeGrid(1.0, 8))[4:6], [[1, 2], [3, 4]])


def test_content_in_the_store_of_git_annex_is_the_datasets_own(pictures: Path) -> None:
    store = pictures / ".git" / "annex" / "objects" / "x"
    store.mkdir(parents=True)
    link = pictures / "stimuli" / "red.png"
    link.rename(store / "red.png")
    link.symlink_to("../.git/annex/objects/x/red.png")
    assert read_stim_files(events_of(pictures)).shape == (3, 4, 6)
    (store / "red.png").unlink()
    with pytest.raises(DataError, match=r"'red.png' is not in .*datalad get"):
        read_stim_files(events_of(pictures))


def test_modulators_are_columns_beside_the_conditions(pictures: Path) -> None:
    run = load_runs(pictures, stimuli=Stimuli(modulators=["rating"]))[0]
    events = run.stimuli["events"]
    assert isinstance(events, Events)
    assert (events.columns, events.modulators) == (("face", "house", "rating"), ("rating",))
    sampled = events.sample(TimeGrid(2.0, 25))
    np.testing.assert_array_equal(sampled[2], [1, 0, 0.5])
    np.testing.assert_array_equal(sampled[10], [0, 1, 2])
    np.testing.assert_array_equal(sampled[20], [1, 0, 0])  # n/a does not modulate
    with pytest.raises(DataError, match="no column 'weight'"):
        load_runs(pictures, stimuli=Stimuli(modulators=["weight"]))
    text = events_of(pictures).read_text().replace("\tface\t", "\trating\t")
    events_of(pictures).write_text(text)
    with pytest.raises(DataError, match="'rating' is a condition and a modulator"):
        load_runs(pictures, stimuli=Stimuli(modulators=["rating"]))


def test_sampled_stimuli(pictures: Path) -> None:
    stem = events_of(pictures).with_name("sub-01_task-x_run-1_stim")
    wanted = Stimuli(events=False, more=["stim"])
    with pytest.raises(DataError, match=r"no sampled stimulus \(\*_stim.tsv.gz\) of this run"):
        load_runs(pictures, run=1, stimuli=wanted)
    np.savetxt(f"{stem}.tsv.gz", np.arange(8.0).reshape(4, 2), delimiter="\t")
    described = {"Columns": ["loud", "bright"], "SamplingFrequency": 2.0, "StartTime": -0.5}
    Path(f"{stem}.json").write_text(json.dumps(described))
    run = load_runs(pictures, run=1, stimuli=wanted)[0]
    stream = run.stimuli["stim"]
    assert isinstance(stream, Stream) and stream.columns == ("loud", "bright")
    np.testing.assert_array_equal(stream.times, [-0.5, 0.0, 0.5, 1.0])
    np.testing.assert_array_equal(stream.values[1], [2.0, 3.0])
    assert run.sources[-1] == f"{stem}.tsv.gz"
    for end in (".tsv.gz", ".json"):
        audio = stem.name.replace("_stim", "_recording-audio_stim")
        shutil.copy(f"{stem}{end}", stem.with_name(f"{audio}{end}"))
    run = load_runs(pictures, run=1, stimuli=Stimuli(events=False, series=["audio", "x"]))[0]
    assert list(run.stimuli) == ["audio"]


@pytest.mark.real_data
def test_sampled_stimuli_of_a_public_dataset(shared_data: Path) -> None:

    files = find_runs(shared_data / "synthetic_bids", subject="01", task="nback", session="01")
    (stream,) = run_series(files[0], Stimuli(more=["stim"])).values()
    assert (len(stream.columns), round(1 / float(np.diff(stream.times)[0]), 6)) == (2, 2.0)
