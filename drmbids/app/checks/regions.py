"""Regions: masks and atlases against the space and grid of the data."""

from drmbids.app.checks.inspection import Inspection
from drmbids.bids.reading.chosen_regions import find_regions


def check_regions(inspection: Inspection) -> None:
    """Find the voxels of all regions."""
    if inspection.images:
        first = next(iter(inspection.images.values()))
        with inspection.judging():
            inspection.space = find_regions(
                list(inspection.images), first, inspection.request.atlas_or_mask, None
            )
