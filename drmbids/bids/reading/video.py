"""Video files: when their frames are shown, and the frames, decoded by PyAV (FFmpeg) one by one.

A frame is named by its presentation time in ticks of the file's own clock, so that nothing has to
be counted: frames come out of a decoder in the order in which they are shown, and after a jump to
the key frame before one that is wanted, it is the one with that time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from drmbids.bids.files.problems import error

#: Names of files that hold a film.
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")

# No playlist or stream that makes FFmpeg open other files, whatever a file is called; times that
# AVI files leave out are worked out from the order of decoding.
_OPTIONS = {"format_whitelist": "mov,mp4,m4a,matroska,webm,avi", "fflags": "genpts"}
# Films that a thread keeps open, so that reading goes on where it was: as many as runs that are
# trained side by side show at once. Another one costs the decoding from its last key frame.
_MOST_OPEN = 8
# Programs differ in what they count as the end of a film; no frame is so long.
_TOLERANCE_S = 0.5
_DAMAGED = "copy or download it again"


def video_frames(path: Path) -> list[tuple[int, float, float]]:
    """Return when the frames of a film are shown; nothing is decoded.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of (int, float, float)
        Of each frame its time in ticks of the clock of the file, when it is shown in seconds after
        the first, and for how long: until the next one.

    Raises
    ------
    DataError
        If PyAV is not installed, or the file cannot be read, holds no film, or is cut.
    """
    stamps: dict[int, int] = {}
    end = Fraction(0)
    with _reading(path), _opened(path) as container:
        stream = container.streams.best("video")
        for packet in container.demux():
            if packet.is_corrupt:
                raise error("EV13", path, f"cut or damaged at {float(end):.2f} s", _DAMAGED)
            if packet.pts is None:
                if packet.size and packet.stream is stream:
                    raise error("EV13", path, "frames without times", "save it as .mkv or .mp4")
                continue
            end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if packet.stream is stream and not packet.is_discard:
                stamps[packet.pts] = packet.duration or 0
        stated = Fraction(container.duration or 0, 1_000_000)
        if not stamps or end < stated - _TOLERANCE_S:
            found = f"{len(stamps)} frames until {float(end):.2f} s of {float(stated):.2f} s"
            raise error("EV13", path, found, _DAMAGED)
        clock, rate = stream.time_base, stream.average_rate
    order = sorted(stamps)
    last = stamps[order[-1]] or (round(1 / (rate * clock)) if rate else 0)
    edges = [float((stamp - order[0]) * clock) for stamp in (*order, order[-1] + last)]
    return [(k, a, b - a) for k, a, b in zip(order, edges, edges[1:], strict=False)]


def video_size(path: Path) -> tuple[int, int]:
    """Return height and width of a film in pixels, from its header.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        As of :func:`video_frames`.
    """
    with _reading(path), _opened(path) as container:
        stream = container.streams.best("video")
        return stream.height, stream.width


def video_picture(path: Path, stamp: int) -> Image.Image:
    """Return the frame that is shown at a time, in colour.

    Parameters
    ----------
    path : Path
    stamp : int
        One of :func:`video_frames`. What is read in this order is decoded once.

    Raises
    ------
    DataError
        If it cannot be decoded.
    """
    told = path.stat()
    with _reading(path):
        try:
            frame = _READERS.of(path, told.st_size, told.st_mtime_ns).at(stamp)
        except BaseException:
            # a decoder that was stopped midway would skip a frame when it goes on
            _READERS.of.cache_clear()
            raise
        if frame.is_corrupt:
            raise error("EV13", path, f"damaged at {float(frame.time):.2f} s", _DAMAGED)
        scaler = import_module("av.video.reformatter").Interpolation
        # the same numbers on every processor
        exact = scaler.BILINEAR | scaler.ACCURATE_RND | scaler.BITEXACT
        return frame.to_image(interpolation=exact, threads=1)


class _Reader:
    """A film that is open: the frame that it shows, and the one that comes next."""

    def __init__(self, path: Path, *_stamp: int):
        self.path = path
        self._begin()

    def __del__(self) -> None:
        if hasattr(self, "container"):
            self.container.close()

    def at(self, stamp: int) -> Any:
        """Return the last frame whose time is not after this one.

        It is the frame of that time, but where a packet holds what is never shown, as in VP8.
        """
        if stamp < self.shown.pts:
            self.container.seek(stamp, stream=self.stream)  # to the key frame before it
            self._read_on()
            if stamp < self.shown.pts:  # an index that is off
                self._begin()
        while self.coming is not None and self.coming.pts <= stamp:
            self.shown, self.coming = self.coming, next(self.frames, None)
        return self.shown

    def _begin(self) -> None:
        self.container = _opened(self.path)
        self.stream = self.container.streams.best("video")
        self.stream.codec_context.thread_count = 1  # processes are what work is shared among
        self._read_on()

    def _read_on(self) -> None:
        self.frames = self.container.decode(self.stream)
        self.shown, self.coming = next(self.frames), next(self.frames, None)


class _Readers(threading.local):
    """The films that a thread has open."""

    def __init__(self) -> None:
        self.of = lru_cache(_MOST_OPEN)(_Reader)


_READERS = _Readers()


def _opened(path: Path) -> Any:
    """Return the container of a film."""
    container = _pyav(path).open(str(path), options=_OPTIONS, metadata_errors="replace")
    if not container.streams.video:
        container.close()
        raise error("EV13", path, "no film in it, sound at most", "correct the name")
    return container


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say what is wrong where a file cannot be read."""
    faults = _pyav(path).error.FFmpegError
    try:
        yield
    except (faults, StopIteration) as fault:
        found = f"no readable film: {getattr(fault, 'strerror', 'it has no frame')}"
        raise error("EV13", path, found, _DAMAGED) from fault


def _pyav(path: Path) -> Any:
    try:
        return import_module("av")
    except ModuleNotFoundError as fault:
        if fault.name != "av":
            raise
        found = "video files are read by PyAV, which is not installed"
        raise error("EV13", path, found, "pip install 'drmbids[video]'") from fault
