"""Video files as stimuli. Films are written losslessly, so that pixels are known exactly."""

import json
import pickle
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from drmbids.bids.files.problems import ProblemError
from drmbids.bids.reading import stim_files, video
from drmbids.bids.reading.load import load_runs
from drmbids.bids.reading.stim_files import PictureForm, check_frames, read_stim_files
from drmbids.bids.reading.stimuli import Stimuli
from drmbids.bids.reading.video import video_frames, video_picture
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.frames import Frames
from drmbids.data.runs.time import TimeGrid
from drmbids.data.storage.fingerprint import fingerprint
from drmbids.fit.estimators.drm import DRMRegressor

GREYS = [0, 51, 102, 153, 204, 255]


def write_film(
    path: Path,
    greys: Sequence[int] = GREYS,
    times: Sequence[int] | None = None,
    rate: int = 2,
    size: tuple[int, int] = (4, 6),
    codec: tuple[str, str, int] = ("ffv1", "bgr0", 4),
) -> Path:
    """Write a film of flat pictures, by frame number or at times in units of 1 / rate."""
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec[0], rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt, stream.gop_size = codec[1:]
        for time, grey in zip(times or range(len(greys)), greys, strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), grey, np.uint8), "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def dataset(tiny: Path) -> Path:
    """Return a dataset whose two runs show a film of 3 s for 2 s and for 4 s."""
    write_film(tiny / "stimuli" / "clip.mkv")
    text = "onset\tduration\ttrial_type\tstim_file\n4\t2\tface\tclip.mkv\n20\t4\tface\tclip.mkv\n"
    for run in (1, 2):
        (tiny / "sub-01" / "func" / f"sub-01_task-x_run-{run}_events.tsv").write_text(text)
    return tiny


def read(root: Path, form: PictureForm | None = None) -> Frames:
    return read_stim_files(root / "sub-01" / "func" / "sub-01_task-x_run-1_events.tsv", form)


def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that will hold the time of each frame that is turned into a picture."""
    seen: list[int] = []

    def counted(path: Path, stamp: int) -> Image.Image:
        seen.append(stamp)
        return video_picture(path, stamp)

    monkeypatch.setattr(stim_files, "video_picture", counted)
    return seen


def test_frames_are_shown_at_their_times_until_film_or_event_ends(dataset: Path) -> None:
    frames = read(dataset)
    assert (frames.shape, len(frames.source)) == ((3, 4, 6), 6)
    shown = frames.sample(TimeGrid(0.5, 50))
    assert (shown == shown[:, :1]).all()
    np.testing.assert_array_equal(shown[7:14, 0], [0, 0, 0.2, 0.4, 0.6, 0, 0])  # 2 s of 3 s
    np.testing.assert_array_equal(shown[40:48, 0], [0, 0.2, 0.4, 0.6, 0.8, 1, 0, 0])  # all 3 s


def test_a_film_without_a_rate_has_the_times_that_its_file_states(dataset: Path) -> None:
    write_film(dataset / "stimuli" / "clip.mkv", [255, 51, 102], [10, 11, 16], rate=10)
    frames = read(dataset)
    np.testing.assert_allclose(frames.onsets[:3], [4.0, 4.1, 4.6])  # from the first frame on
    np.testing.assert_allclose(frames.durations[:3], [0.1, 0.5, 0.1])
    shown = frames.sample(TimeGrid(0.1, 60))[40:48, 0]
    np.testing.assert_allclose(shown, [1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.4, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("raw.avi", ("rawvideo", "bgr24", 1)),
        ("b_frames.avi", ("mpeg4", "yuv420p", 5)),
        ("b_frames.mp4", ("libx264", "yuv420p", 5)),
        ("pictures.mov", ("mjpeg", "yuvj420p", 1)),
        ("alternate.webm", ("libvpx", "yuv420p", 5)),
    ],
)
def test_each_container_gives_any_frame_as_it_gives_all_in_order(
    tmp_path: Path, name: str, codec: tuple[str, str, int]
) -> None:
    greys = [0, 200, 30, 170, 60, 140, 90, 110, 250, 10, 130, 40]
    path = write_film(tmp_path / name, greys, rate=25, size=(16, 16), codec=codec)
    frames = video_frames(path)
    np.testing.assert_allclose([start for _, start, _ in frames], np.arange(12) / 25, atol=1e-9)
    np.testing.assert_allclose([length for *_, length in frames], 1 / 25, atol=1e-9)
    in_order = [np.asarray(video_picture(path, stamp)) for stamp, *_ in frames]
    for picture, grey in zip(in_order, greys, strict=True):
        assert abs(picture.astype(int) - grey).max() <= 12  # lossy
    for k in (7, 2, 11, 0, 8, 3, 3):
        np.testing.assert_array_equal(video_picture(path, frames[k][0]), in_order[k])


def test_frames_are_made_smaller_and_gray_as_pictures_are(dataset: Path) -> None:
    path = dataset / "stimuli" / "clip.mkv"
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1)
        stream.height, stream.width, stream.pix_fmt = 4, 6, "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    Image.fromarray(pixels).save(path.with_suffix(".png"))
    for form in (PictureForm(), PictureForm((2, 3), "gray"), PictureForm((8, 2), "rgb")):
        expected = stim_files.decode(path.with_suffix(".png"), form)
        np.testing.assert_array_equal(read(dataset, form).source[0], expected)


def test_a_window_decodes_what_it_shows(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = decoded(monkeypatch)
    runs = load_runs(dataset, stimuli=Stimuli(more=["stim_file"], image_size=(2, 3)))
    shown = {"stim_file": runs[0].stimuli["stim_file"].columns}
    data = iter(DRMIterator.from_runs(runs[:1], 0.5, stimuli=shown, window=10))
    assert seen == []
    next(data)
    assert (next(data)["stimulus"][0].shape, seen) == ((10, 1, 18), [0, 500, 1000, 1500])


def test_reading_on_decodes_each_frame_once(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_decoded = 0
    opened = video._opened

    class Counted:
        def __init__(self, container: av.container.InputContainer):
            self.container = container

        def __getattr__(self, name: str) -> object:
            return getattr(self.container, name)

        def decode(self, stream: av.VideoStream):
            nonlocal n_decoded
            for frame in self.container.decode(stream):
                n_decoded += 1
                yield frame

    monkeypatch.setattr(video, "_opened", lambda path: Counted(opened(path)))
    path = write_film(dataset / "stimuli" / "long.mkv", [k % 256 for k in range(300)])
    stamps = [stamp for stamp in range(0, 150_000, 500)]
    for stamp in (stamps[0], *stamps):
        video_picture(path, stamp)
    assert n_decoded == 300
    video_picture(path, stamps[200])  # back to the key frame before it, of every fourth
    assert n_decoded <= 306


def test_films_are_read_by_several_threads_and_processes(dataset: Path) -> None:
    frames = read(dataset)
    grid = TimeGrid(0.5, 50)
    expected = frames.sample(grid)
    again = pickle.loads(pickle.dumps(frames))
    assert fingerprint(again) == fingerprint(read(dataset))
    found: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: found.extend(again.sample(grid) for _ in range(5)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 15 and all(np.array_equal(one, expected) for one in found)


def test_a_film_that_was_replaced_is_another(dataset: Path) -> None:
    before = read(dataset)
    assert before.source[1].max() == 51 / 255
    write_film(dataset / "stimuli" / "clip.mkv", [0, 255, 0, 255, 0, 255, 0])
    after = read(dataset)
    assert after.source[1].max() == 1.0 and fingerprint(after) != fingerprint(before)


@pytest.mark.parametrize(
    ("name", "codec"), [("clip.mkv", ("ffv1", "bgr0", 4)), ("clip.avi", ("rawvideo", "bgr24", 1))]
)
def test_a_film_that_is_cut_is_refused(
    tmp_path: Path, name: str, codec: tuple[str, str, int]
) -> None:
    path = write_film(tmp_path / name, GREYS * 4, size=(16, 16), codec=codec)
    assert len(video_frames(path)) == 24
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(ProblemError, match=r"(of 12.00 s|cut or damaged at .* s).*\[EV13\]"):
        video_frames(path)


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    for content in (b"", b"<html>404</html>", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"):
        path.write_bytes(content)
        with pytest.raises(ProblemError, match=r"clip.mp4: no readable film: \w.*\[EV13\]"):
            video_frames(path)
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(ProblemError, match="no film in it"):
        video_frames(tmp_path / "sound.mkv")


def test_damage_is_found_when_a_frame_is_decoded(dataset: Path) -> None:
    path = dataset / "stimuli" / "clip.mkv"
    film = write_film(path.with_suffix(".mov"), size=(64, 64), codec=("png", "rgb24", 1))
    content = bytearray(film.read_bytes())
    start = content.rfind(b"\x89PNG")  # the last picture
    content[start : start + 20] = bytes(20)
    path.write_bytes(content)  # what a file is is told by its content
    frames = read(dataset)
    assert not frames.source[0].any()
    for _ in range(2):  # it stays found
        with pytest.raises(ProblemError, match=r"clip.mkv: no readable film.*\[EV13\]"):
            check_frames(frames)


def test_the_check_decodes_the_first_and_the_last_frame(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = decoded(monkeypatch)
    check_frames(read(dataset))
    assert (seen[0], max(seen)) == (0, 2500) and len(seen) < 6


def test_films_of_different_sizes_need_one(dataset: Path) -> None:
    write_film(dataset / "stimuli" / "other.mkv", size=(8, 8))
    events = dataset / "sub-01" / "func" / "sub-01_task-x_run-1_events.tsv"
    events.write_text(events.read_text().replace("20\t4\tface\tclip", "20\t4\tface\tother"))
    with pytest.raises(ProblemError, match=r"shape \(3, 8, 8\).*--image-size"):
        read(dataset)
    assert read(dataset, PictureForm((2, 2))).shape == (3, 2, 2)


def test_without_pyav_the_file_and_the_remedy_are_named(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ProblemError, match=r"clip.mkv: .*pip install 'drmbids\[video\]'") as caught:
        read(dataset)
    assert "\n" not in str(caught.value)


def test_a_fit_follows_the_film(dataset: Path, tmp_path: Path) -> None:
    stimuli = Stimuli(more=["stim_file"], image_size=(3, 3), colour="gray")
    runs = load_runs(dataset, stimuli=stimuli)
    films = [run.stimuli["stim_file"] for run in runs]
    held = [replace(f, source=np.stack([f.source[k] for k in range(6)])) for f in films]
    arrays = [replace(run, stimuli={"stim_file": f}) for run, f in zip(runs, held, strict=True)]
    model = tmp_path / "model.json"
    described = {
        "schema_version": 1,
        "resolution_s": 1.0,
        "stimuli": {"stim_file": {}},
        "populations": {"V1": {"kind": "conv", "units": 2, "frame": [1, 3, 3]}},
        "projections": [{"from": "stim_file", "to": "V1"}],
        "readout": {"regions": {"brain": ["V1"]}},
    }
    model.write_text(json.dumps(described))
    fitted = [
        DRMRegressor(model, n_epochs=1, window=20, random_state=0).fit(each).predict(each)
        for each in (runs, arrays)
    ]
    for film, array in zip(*fitted, strict=True):
        assert np.std(film) > 0
        np.testing.assert_array_equal(film, array)
