"""The options that choose runs and say how they are read, for all commands that read data."""

from typing import get_args

from drmbids.app.analysis.choices import HeldOut
from drmbids.app.cli.arguments import NamedDatasets, NamedImages, filters, label, positive
from drmbids.app.cli.options import Options
from drmbids.data.physiology import Physio
from drmbids.data.tools.formats import Colour, FileFormat, MoreStimuli


def add_folds(options: Options) -> None:
    """Add the options that say what is held out."""
    options.add(
        "--cv",
        choices=get_args(HeldOut),
        help="what each fold leaves out; when not given (auto) runs where there are two or more, "
        "else blocks of time; none for scores in sample",
    )
    options.add(
        "--n-blocks",
        type=positive(int),
        metavar="N",
        help="blocks of time that each run is cut into; 4 when not given",
    )
    options.add(
        "--guard",
        type=positive(float, zero=True),
        metavar="SECONDS",
        help="left out on each side of a held-out block, neither trained on nor scored; 32, the "
        "length of a hemodynamic response, when not given",
    )


def add_selection(options: Options) -> None:
    """Add the options that choose runs."""
    options.labels(
        "sub",
        "--participant-label",
        help="participants, at the group level too; all when not given",
    )
    options.labels(
        "ses", "--session-label", "--session-id", dest="session_label",
        help="sessions; '*' for all of several",
    )  # fmt: skip
    options.labels("task", "-t", "--task", "--task-id", dest="task_id", help="tasks")
    options.labels("run", "-r", "--run-id", help="runs")
    options.labels("acq", "--acq", "--acquisition", dest="acquisition", help="acquisitions")
    options.labels(
        "rec", "--rec", "--reconstruction", dest="reconstruction", help="reconstructions"
    )
    options.labels("dir", "--dir", "--direction", dest="direction", help="phase encodings")
    options.labels("echo", "--echo", "--echo-idx", dest="echo", help="echoes")
    options.add("--space", type=label("space"), help="space of the preprocessed images")
    options.add("--res", type=label("res"), help="resolution of the preprocessed images")
    options.add("--den", type=label("den"), help="density of the surfaces")
    options.add("--hemi", choices=("L", "R"), help="one hemisphere; both when not given")
    options.add("--desc", type=label("desc"), help="desc of the preprocessed images")
    options.add(
        "--file-format",
        choices=get_args(FileFormat),
        help="volumes, surfaces, grayordinates or parcels, where there are several",
    )
    options.add(
        "--bids-filter-file",
        dest="filters",
        type=filters,
        metavar="FILE",
        help="JSON with any entities that the images must have, alone or under the key 'bold', as "
        "fMRIPrep's: a label, a list, null or 'Query.NONE' for none, '*' for any",
    )
    options.add(
        "-d",
        "--derivatives",
        action=NamedDatasets,
        nargs="+",
        metavar="[NAME=]PATH",
        help="datasets with preprocessed images, masks, confounds or atlases",
    )
    options.add(
        "--skip-bids-validation",
        action="store_true",
        help="accepted for the convention of BIDS-Apps: drmbids checks the files it reads, "
        "validating the dataset is the user's (bids-validator-deno)",
    )


def add_reading(options: Options) -> None:
    """Add the options that say how runs are read."""
    _add_regions(options)
    options.add(
        "--confounds",
        nargs="+",
        metavar="COLUMN",
        help="columns of the confounds files, quoted wildcards such as 'trans_*', or a "
        "strategy for fMRIPrep's: simple, scrubbing, compcor, ica_aroma",
    )
    options.add(
        "--physio",
        nargs="+",
        choices=get_args(Physio),
        help="confounds from recordings of heart and breath (*_physio.tsv.gz): their phases, heart "
        "rate, depth of the breath",
    )
    _add_stimuli(options)
    options.add(
        "--allow-gaps",
        action="store_true",
        help="leave out voxels that are NaN or infinite in some volumes, else an error",
    )
    options.add(
        "--tr",
        type=positive(float),
        metavar="S",
        help="repetition time where sidecar and header state none or contradict each other",
    )
    options.add(
        "--smoothing-fwhm", type=positive(float, zero=True), metavar="MM", help="Gaussian smoothing"
    )


def _add_regions(options: Options) -> None:
    options.add(
        "--mask",
        action=NamedImages,
        nargs="+",
        metavar="[NAME=]IMAGE",
        help="masks, each a region; with neither --mask nor --atlas, the brain masks "
        "(*_desc-brain_mask) in the derivatives",
    )
    options.add(
        "--atlas",
        metavar="ATLAS",
        help="labels, each a region, named by the table (index, name) beside them: an image, a "
        ".label.gii of either hemisphere, a .dlabel.nii, or the name of an atlas among the "
        "datasets (4S156Parcels, atlas-X_scale-100)",
    )
    options.add(
        "--atlas-threshold",
        type=positive(float, zero=True),
        metavar="P",
        help="of a probabilistic atlas: a voxel belongs to its most probable region, from this "
        "probability on; 0.25 when not given",
    )


def _add_stimuli(options: Options) -> None:
    options.add(
        "--stimuli",
        nargs="+",
        choices=get_args(MoreStimuli),
        help="beside the events: sampled series (*_stim.tsv.gz), and the pictures, arrays and "
        "films that the column stim_file names",
    )
    options.add(
        "--modulators",
        nargs="+",
        metavar="COLUMN",
        help="columns of numbers in the events files, as regressors beside the conditions",
    )
    options.add(
        "--image-size",
        nargs="+",
        type=positive(int),
        metavar="PIXELS",
        help="height and width, or one number for both, that pictures are resampled to",
    )
    options.add(
        "--colour", choices=get_args(Colour), help="what is kept of pictures; rgb if absent"
    )
