"""Images: whole to their last byte, measured at known times, on one grid."""

from drmbids.app.checks.inspection import Inspection
from drmbids.bids.reading.formats import open_bold
from drmbids.bids.reading.timing import volume_times
from drmbids.bids.reading.unite import check_same_tr


def check_images(inspection: Inspection) -> None:
    """Open every image, and hold its times and grid against the others."""
    for files in inspection.files:
        with inspection.judging(files):
            image = open_bold(files)
            inspection.images[files] = image
            inspection.timings[files] = volume_times(files, image, inspection.request.tr)
    trs = {files.label: timing.tr for files, timing in inspection.timings.items()}
    with inspection.judging():
        if trs:
            check_same_tr(list(trs), list(trs.values()))
    images = list(inspection.images.values())
    for image in images[1:]:
        with inspection.judging():
            image.check_like(images[0])
