"""The files that ``stim_file`` names: pictures, films, arrays of frames, read when shown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from drmbids.bids.files.dataset import DESCRIPTION, read_json
from drmbids.bids.files.problems import Problem, collecting, error, lines, raise_all
from drmbids.bids.files.tsv import MISSING, read_numbers, read_table, require_columns
from drmbids.bids.reading.images import one_line
from drmbids.bids.reading.video import VIDEOS, video_frames, video_picture, video_size
from drmbids.data.runs.frames import Frames
from drmbids.data.tools.formats import Colour

#: Pictures above so many pixels are refused: 50 megapixels, four times a large photograph.
MOST_PIXELS = 50_000_000
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_MODES = {"gray": "L", "rgb": "RGB"}
_WHITE = 255.0

#: A frame: its file, and its number in a file of many (its presentation time in a video file).
Place = tuple[Path, int | None]


@dataclass(frozen=True)
class PictureForm:
    """How pictures become numbers between 0 (black) and 1 (white).

    Parameters
    ----------
    size : (int, int), optional
        Height and width in pixels that pictures are resampled to (bilinear, after Pillow); as they
        are when absent, then all of one size.
    colour : {"gray", "rgb"}
        One channel (luma), or three.
    """

    size: tuple[int, int] | None = None
    colour: Colour = "rgb"


class FileFrames:
    """Frames in files, each decoded when it is asked for.

    Parameters
    ----------
    places : sequence of (Path, int or None)
        File of each frame, and its number in a file of many; in a video file its presentation time,
        in ticks of the clock of the file.
    form : PictureForm

    Raises
    ------
    DataError
        If a file cannot be read or is too large, or frames differ in shape. Headers alone are read.
    """

    def __init__(self, places: Sequence[Place], form: PictureForm):
        self.places, self.form = list(places), form
        self.names = [p.name if k is None else f"{p.name}[{k}]" for p, k in self.places]
        shapes: dict[Path, tuple[int, ...]] = {}
        for path, number in self.places:
            if path not in shapes:
                shapes[path] = _frame_shape(path, number is not None, form)
        first = next(iter(shapes), None)
        for path, shape in shapes.items():
            if first is not None and shape != shapes[first]:
                found = f"frames of shape {shape}, those of {first.name} have {shapes[first]}"
                raise error("EV13", path, found, "give pictures one size (--image-size)")
        self.shape = shapes[first] if first is not None else (0,)
        # what tells a file that was replaced from the one before, where fits are kept: as for make
        # and rsync, since hashing content would read every picture whenever runs are loaded
        told = {path: path.stat() for path in shapes}
        self.stamps = [(p.name, t.st_size, t.st_mtime_ns) for p, t in told.items()]

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.places)

    def within_video(self, number: int) -> bool:
        """Return whether frames of the same video file stand on both sides of one."""
        if not 0 < number < len(self) - 1:
            return False
        before, here, after = (path for path, _ in self.places[number - 1 : number + 2])
        return before == here == after and here.suffix.lower() in VIDEOS

    def __getitem__(self, number: int) -> np.ndarray:
        """Return a frame, read from its file."""
        path, place = self.places[number]
        kind = path.suffix.lower()
        if kind in _PICTURES:
            return decode(path, self.form)
        if kind in VIDEOS and place is not None:
            return _numbers(video_picture(path, place), self.form)
        values = _array(path)
        return np.asarray(values if place is None else values[place], dtype=float)


def read_stim_files(events: Path, form: PictureForm | None = None) -> Frames:
    """Return what the column ``stim_file`` of an events file shows.

    Parameters
    ----------
    events : Path
        ``events.tsv`` with the columns ``onset``, ``duration`` and ``stim_file``, whose files are
        in the folder ``stimuli`` of the dataset: pictures, video files, arrays (``.npy``) or tables
        (``.tsv``) of numbers. An array is one frame; with ``SamplingFrequency`` (Hz) in the JSON
        file of its name it is a film, one frame for each index of its first axis, as is a folder of
        pictures with such a file beside it. Frames of a video file are shown at the times that it
        states, from its first frame on. A film stops at its end or that of its event.
    form : PictureForm, optional

    Returns
    -------
    Frames
        Nothing is decoded yet.

    Raises
    ------
    DataError
        If a file is missing, lies outside the folder, cannot be read, or frames differ in shape.
    """
    table = read_table(events)
    require_columns(table, ["onset", "duration", "stim_file"], events)
    onsets, durations = (read_numbers(table, c, events) for c in ("onset", "duration"))
    problems: list[Problem] = []
    found: dict[str, Path] = {}
    for name, rows in table.groupby("stim_file", sort=False).groups.items():
        if str(name) not in (MISSING, ""):
            with collecting(problems):
                found[str(name)] = stimulus_path(events, str(name), lines(rows))
    raise_all(problems)
    places: dict[Place, int] = {}
    shown: list[tuple[float, float, int]] = []
    films = {name: _film(path) for name, path in found.items()}
    for onset, duration, name in zip(onsets, durations, table["stim_file"], strict=True):
        if name not in found:
            continue
        for part, start, length in films[name]:
            if start >= duration and length < np.inf:
                break
            number = places.setdefault(part, len(places))
            shown.append((onset + start, min(length, duration - start), number))
    columns = np.array(shown).reshape(-1, 3).T
    source = FileFrames(list(places), form or PictureForm())
    return Frames(columns[0], columns[1], columns[2].astype(int), source)


def stimulus_path(events: Path, name: str, where: str = "") -> Path:
    """Return the file or folder that a ``stim_file`` means.

    Parameters
    ----------
    events : Path
        The events file.
    name : str
        Relative to the folder ``stimuli`` of its dataset.
    where : str
        Lines of the events file, for messages.

    Raises
    ------
    DataError
        If it leads out of the folder (links into git-annex' store are followed), or is not there.
    """
    root = next((p for p in events.parents if (p / DESCRIPTION).is_file()), events.parent)
    folder = (root / "stimuli").resolve()
    target = (folder / name).resolve()
    store = (root / ".git" / "annex" / "objects").resolve()
    if not target.is_relative_to(folder) and not target.is_relative_to(store):
        remedy = "paths are relative to the folder stimuli of the dataset, and stay inside"
        raise error("EV12", events, f"stim_file {name!r} leads to {target}", remedy, where)
    if not target.exists():
        remedy = "copy the file there (datalad get), or correct the name"
        raise error("EV13", events, f"stim_file {name!r} is not in {folder}", remedy, where)
    return folder / name


def check_frames(frames: Frames) -> None:
    """Decode every frame once; raise DataError for one that is damaged or holds NaN.

    Of a video file, the first and the last one: all would take as long as to train on them.

    Parameters
    ----------
    frames : Frames
        Of files.
    """
    source = frames.source
    for k in range(len(source)):
        if isinstance(source, FileFrames) and source.within_video(k):
            continue
        finite = np.isfinite(source[k]).all()
        if not finite and isinstance(source, FileFrames):
            path = source.places[k][0]
            found = f"{source.names[k]} holds a number that is not finite"
            raise error("EV13", path, found, "repair the file")


def decode(path: Path, form: PictureForm) -> np.ndarray:
    """Return a picture as numbers, shape (channels, height, width).

    Parameters
    ----------
    path : Path
    form : PictureForm

    Raises
    ------
    DataError
        If it cannot be decoded.
    """
    try:
        with Image.open(path) as picture:
            return _numbers(picture, form)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        found = f"no readable picture: {one_line(fault)}"
        raise error("EV13", path, found, "copy or download it again") from fault


def _numbers(picture: Image.Image, form: PictureForm) -> np.ndarray:
    """Return a picture as numbers, shape (channels, height, width)."""
    flat = picture.convert(_MODES[form.colour])
    if form.size is not None:
        flat = flat.resize(form.size[::-1], Image.Resampling.BILINEAR)
    values = np.asarray(flat, dtype=float) / _WHITE
    return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)


def _film(path: Path) -> list[tuple[Place, float, float]]:
    """Return the frames of a stimulus, and when each starts and how long it is shown in seconds.

    One that does not change is shown for ever.
    """
    if path.suffix.lower() in VIDEOS and not path.is_dir():
        return [((path, k), *times) for k, *times in video_frames(path)]
    sidecar = path.with_suffix(".json") if not path.is_dir() else Path(f"{path}.json")
    rate: Any = read_json(sidecar).get("SamplingFrequency") if sidecar.is_file() else None
    number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if rate is not None and not (number and 0 < rate < np.inf):
        found = f"SamplingFrequency {json.dumps(rate)}"
        raise error("EV13", sidecar, found, "write frames in a second as a number above 0")
    if path.is_dir():
        pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in _PICTURES)
        if not pictures or rate is None:
            found = f"{len(pictures)} pictures, SamplingFrequency {rate} in {sidecar.name}"
            raise error("EV13", path, found, "a film needs pictures and their rate")
        places: list[Place] = [(p, None) for p in pictures]
    elif rate is None or path.suffix.lower() in _PICTURES:
        return [((path, None), 0.0, np.inf)]
    else:
        places = [(path, k) for k in range(len(_array(path)))]
    return [(place, k / rate, 1 / rate) for k, place in enumerate(places)]


def _array(path: Path) -> np.ndarray:
    """Return the numbers of an array or table; those of a ``.npy`` file stay in it."""
    if path.suffix == ".npy":
        try:
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as fault:
            found = f"no readable array: {one_line(fault)}"
            raise error("EV13", path, found, "save it again with numpy.save") from fault
        if values.dtype.kind not in "iufb" or not values.size:
            found = f"an array of {values.dtype} and shape {values.shape}"
            raise error("EV13", path, found, "real numbers are needed")
        return values
    if path.suffix == ".tsv":
        table = read_table(path)
        return np.column_stack([read_numbers(table, str(c), path) for c in table.columns])
    remedy = f"{', '.join((*_PICTURES, *VIDEOS, '.npy', '.tsv'))} and folders of pictures are read"
    raise error("EV13", path, f"a file of kind {path.suffix!r}", remedy)


def _frame_shape(path: Path, many: bool, form: PictureForm) -> tuple[int, ...]:
    """Return the shape that a frame of a file will have, from its header."""
    kind = path.suffix.lower()
    if kind not in (*_PICTURES, *VIDEOS):
        shape = _array(path).shape
        return tuple(shape[1:]) if many else tuple(shape)
    height, width = video_size(path) if kind in VIDEOS else _picture_size(path)
    if width * height > MOST_PIXELS:
        found = f"{width} x {height} pixels, above {MOST_PIXELS:,}"
        raise error("EV13", path, found, "save it smaller")
    channels = len(_MODES[form.colour])
    return (channels, *(form.size or (height, width)))


def _picture_size(path: Path) -> tuple[int, int]:
    """Return height and width of a picture, from its header."""
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        found = f"no readable picture: {one_line(fault)}"
        raise error("EV13", path, found, "copy or download it again") from fault
