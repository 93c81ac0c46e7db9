"""Every kind of measurement on real data, or on data of known truth, beside what is used now."""

from collections.abc import Callable

from benchmarks.readouts.calcium_spikes import calcium_spikes
from benchmarks.readouts.evoked import evoked
from benchmarks.readouts.lfp_optical import lfp_optical
from benchmarks.readouts.motor import motor
from benchmarks.rows import Row

ROWS: dict[str, Callable[[], list[Row]]] = {
    "calcium-spikes": calcium_spikes,
    "evoked": evoked,
    "motor": motor,
    "lfp-optical": lfp_optical,
}
