"""Kinds of files that data come in, by the names that users choose them by; no import at all."""

from typing import Literal

#: Kinds of files that hold BOLD: volumes, surfaces, grayordinates, parcels.
FileFormat = Literal["nifti", "gifti", "dtseries", "ptseries"]

#: Stimuli beside the events: ``_stim.tsv.gz``, and the files that ``stim_file`` names.
MoreStimuli = Literal["stim", "stim_file"]

#: What is kept of the colours of pictures.
Colour = Literal["gray", "rgb"]
