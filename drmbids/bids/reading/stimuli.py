"""What a run showed: events, pictures and films, sampled series."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import error
from drmbids.bids.reading.events import read_events
from drmbids.bids.reading.physio import read_recordings
from drmbids.bids.reading.stim_files import PictureForm, read_stim_files
from drmbids.data.runs.frames import Frames
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.formats import Colour, MoreStimuli

#: Names of the stimuli in a Run and in model files.
EVENTS, STIM_FILE, STIM = "events", "stim_file", "stim"
# Entities that the name of an events file may have.
_EVENT_ENTITIES = ("subject", "session", "task", "acquisition", "reconstruction", "run")


@dataclass(frozen=True)
class Stimuli:
    """Which stimuli of a run are read.

    Parameters
    ----------
    events : bool
        Whether to read the events, as the stimulus ``"events"`` with a column for each
        ``trial_type``.
    modulators : sequence of str
        Columns of numbers in the events files, each a column of ``"events"`` beside the conditions:
        an event has the number as its amplitude, none where it is ``n/a``. As they are, not
        centred.
    more : collection of {"stim_file", "stim"}
        ``"stim_file"``: pictures, arrays and films that the events name, read when they are shown
        (:class:`~drmbids.data.runs.frames.Frames`). ``"stim"``: sampled series (``_stim.tsv.gz``),
        a stimulus ``"stim"``, or one for each ``recording-`` by its label.
    series : collection of str
        Labels of sampled series that are read from runs that have them, without ``"stim"``.
    image_size : (int, int), optional
        Height and width that pictures are resampled to; as they are when absent.
    colour : {"gray", "rgb"}
        What is kept of their colours.

    Examples
    --------
    >>> Stimuli(modulators=["rating"], more=["stim_file"], image_size=(32, 32)).colour
    'rgb'
    """

    events: bool = True
    modulators: Sequence[str] = ()
    more: Collection[MoreStimuli] = ()
    series: Collection[str] = ()
    image_size: tuple[int, int] | None = None
    colour: Colour = "rgb"

    @property
    def form(self) -> PictureForm:
        """What pictures become."""
        return PictureForm(self.image_size, self.colour)


def read_stimuli(
    files: RunFiles, duration: float, wanted: Stimuli, n_volumes: int | None = None
) -> dict[str, Events | Frames | Stream]:
    """Return the stimuli of a run by name.

    Parameters
    ----------
    files : RunFiles
    duration : float
        Length of the run in seconds.
    wanted : Stimuli
    n_volumes : int, optional
        Of the run.

    Raises
    ------
    DataError
        If a file that is asked for is missing or cannot be used.
    """
    found: dict[str, Events | Frames | Stream] = {}
    if wanted.events:
        found[EVENTS] = run_events(files, duration, wanted.modulators, n_volumes)
    if STIM_FILE in wanted.more:
        if files.events is None:
            run_events(files, duration)  # says what is missing
        else:
            found[STIM_FILE] = read_stim_files(files.events, wanted.form)
    found |= run_series(files, wanted)
    return found


def run_events(
    files: RunFiles,
    duration: float,
    modulators: Sequence[str] = (),
    n_volumes: int | None = None,
) -> Events:
    """Return the events of a run, which must have a file of them."""
    if files.events is None:
        pairs = {k: v for k, v in files.entities.items() if k in _EVENT_ENTITIES}
        pattern = replace(files, entities=pairs).label + "_events.tsv"
        folders = ", ".join(map(str, files.searched)) or str(files.bold.parent)
        found = f"no {pattern}, nor one with fewer entities, in {folders}"
        remedy = "add it, or choose other runs (Python: or use Stimuli(events=False))"
        raise error("EV01", f"no events of {files.label}", found, remedy)
    return read_events(files.events, duration, modulators, n_volumes)


def run_series(files: RunFiles, wanted: Stimuli) -> dict[str, Stream]:
    """Return the sampled stimuli of a run, none of whose samples may be missing.

    Parameters
    ----------
    files : RunFiles
    wanted : Stimuli

    Raises
    ------
    DataError
        If there is none and all are asked for, or one cannot be read or has gaps.
    """
    if STIM in wanted.more and not files.series:
        where = ", ".join(map(str, files.searched)) or str(files.bold.parent)
        found = f"no sampled stimulus (*_stim.tsv.gz) of this run in {where}"
        raise error("EV14", files.bold, found, "add it, or go without")
    found: dict[str, Stream] = {}
    for path in files.series:
        recording = next((p for p in path.name.split("_") if p.startswith("recording-")), "")
        name = recording.removeprefix("recording-") or STIM
        if STIM not in wanted.more and name not in wanted.series:
            continue
        (stream,) = read_recordings([path], files.searched[-1], "EV14")
        gaps = np.flatnonzero(~np.isfinite(stream.values).all(axis=1))
        if len(gaps):
            row = int(gaps[0])
            text = f"{len(gaps)} samples are missing, the first at {stream.times[row]:g} s"
            raise error("EV14", path, text, "a stimulus has no gaps: fill them", f"line {row + 1}")
        found[name] = stream
    return found
