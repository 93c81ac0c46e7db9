"""Which events, confounds and brain mask belong to an image."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from drmbids.bids.dataset import Dataset
from drmbids.bids.entities import NIFTI, BIDSName, most_specific

# Suffixes that fMRIPrep has given to its confounds since 2017.
_CONFOUND_SUFFIXES = ("timeseries", "regressors", "confounds")
# Entities that say what a file shows rather than of which run.
_CONTENT = ("desc", "label")
# Entities that must be the same for an image and its mask.
_GRID = ("space", "res", "den")


class Companions:
    """Files that may belong to the images of one dataset.

    A file belongs to an image if it has no entity that the image lacks or has with another label;
    ``desc`` and ``label`` aside. Derived images carry more entities than raw events (``space``,
    ``res``), so the same rule leads from an fMRIPrep image to the events of the raw dataset.

    Parameters
    ----------
    dataset : Dataset
        The dataset that was asked for; it, and the raw dataset it points to, give the events.
    source : Dataset
        The dataset of the images; it gives confounds and masks.
    subjects : sequence of str
        Participants to look at.
    """

    def __init__(self, dataset: Dataset, source: Dataset, subjects: Sequence[str]):
        raw = dataset.raw_dataset() if dataset.is_derivative else None
        self._subjects = subjects
        self._with_events = [dataset] if raw is None else [dataset, raw]
        self._events = [
            _by_subject(
                f for f in d.files(subjects) if (f.suffix, f.extension) == ("events", ".tsv")
            )
            for d in self._with_events
        ]
        self._own = _by_subject(source.files(subjects))
        self._recorded = _by_subject(
            f for f in self._with_events[-1].files(subjects) if f.suffix in ("physio", "stim")
        )

    @property
    def searched(self) -> tuple[Path, ...]:
        """Folders of the datasets that events are looked for in."""
        return tuple(d.root for d in self._with_events)

    def events(self, image: BIDSName) -> Path | None:
        """Return the ``events.tsv`` of an image."""
        for files in self._events:
            found = most_specific(_belonging(files, image), "events", image.path.name)
            if found is not None:
                return found.path
        return None

    def confounds(self, image: BIDSName) -> Path | None:
        """Return the confounds table of an image."""
        tables = [
            f
            for f in _belonging(self._own, image)
            if f.suffix in _CONFOUND_SUFFIXES
            and f.extension == ".tsv"
            and f.entities.get("desc", "confounds") == "confounds"
        ]
        found = most_specific(tables, "confounds", image.path.name)
        return None if found is None else found.path

    def recordings(self, image: BIDSName) -> tuple[Path, ...]:
        """Return the physiological recordings of an image, in the raw dataset."""
        return tuple(name.path for name in recordings(self._raw_files(image), image))

    def series(self, image: BIDSName) -> tuple[Path, ...]:
        """Return the sampled stimuli of an image, in the raw dataset."""
        return tuple(name.path for name in recordings(self._raw_files(image), image, "stim"))

    def _raw_files(self, image: BIDSName) -> Sequence[BIDSName]:
        return [
            *self._recorded.get(None, ()),
            *self._recorded.get(image.entities.get("subject"), ()),
        ]

    def brain_mask(self, image: BIDSName) -> Path | None:
        """Return the brain mask on the grid of an image, None if there is not exactly one.

        The image's own dataset is asked first, then those in the folder ``derivatives``.
        """
        for files in (self._own, self._derived):
            masks = [
                f
                for f in _belonging(files, image)
                if f.suffix == "mask"
                and f.extension in NIFTI
                and "brain" in (f.entities.get("desc"), f.entities.get("label"))
                and all(f.entities.get(e) == image.entities.get(e) for e in _GRID)
            ]
            if masks:
                return masks[0].path if len(masks) == 1 else None
        return None

    @cached_property
    def _derived(self) -> "_BySubject":
        datasets = self._with_events[-1].derived()
        return _by_subject(f for d in datasets for f in d.files(self._subjects))


# Files by the participant in their name, None for those that apply to all: an image is compared
# with the files of its own participant only, however many there are.
_BySubject = Mapping[str | None, Sequence[BIDSName]]


def _by_subject(files: Iterable[BIDSName]) -> _BySubject:
    found = defaultdict(list)
    for file in files:
        found[file.entities.get("subject")].append(file)
    return dict(found)


def _belonging(files: _BySubject, image: BIDSName) -> list[BIDSName]:
    """Return the files that belong to an image."""
    of_image = image.without(_CONTENT).items()
    candidates = [*files.get(None, ()), *files.get(image.entities.get("subject"), ())]
    return [f for f in candidates if f.without(_CONTENT).items() <= of_image]


def recordings(
    files: Iterable[BIDSName], image: BIDSName, suffix: str = "physio"
) -> list[BIDSName]:
    """Return the recordings that belong to an image: one for each ``recording-``, in order.

    Parameters
    ----------
    files : iterable of BIDSName
        Files of the raw dataset.
    image : BIDSName
        Raw or derived: it has all entities of its recordings but ``recording``.
    suffix : {"physio", "stim"}
    """
    of_image = image.without(()).items()
    found = [
        name
        for name in files
        if (name.suffix, name.extension) == (suffix, ".tsv.gz")
        and name.without(["recording"]).items() <= of_image
    ]
    return sorted(found, key=lambda name: name.path.name)
