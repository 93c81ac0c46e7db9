"""Held-out accuracy on measured data, the same folds and scoring for every model."""

from collections.abc import Callable

from benchmarks.accuracy.attention import attention
from benchmarks.accuracy.calcium import calcium
from benchmarks.accuracy.chance import chance
from benchmarks.accuracy.dcm import dcm
from benchmarks.accuracy.haxby import ONE_SLICE, WHOLE_BRAIN, haxby
from benchmarks.accuracy.hypotheses import hypotheses
from benchmarks.accuracy.localizer import localizer
from benchmarks.accuracy.nitime_mt import nitime_mt
from benchmarks.accuracy.null import null
from benchmarks.rows import Row

ROWS: dict[str, Callable[[], list[Row]]] = {
    "haxby-1slice": lambda: haxby("1slice", ONE_SLICE),
    "haxby-25mm": lambda: haxby("25mm", WHOLE_BRAIN),
    "attention": attention,
    "calcium": calcium,
    "localizer": localizer,
    "nitime-mt": nitime_mt,
    "null": null,
    "chance": chance,
    "hypotheses": hypotheses,
    "dcm": dcm,
}
