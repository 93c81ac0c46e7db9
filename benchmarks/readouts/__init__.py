"""Every kind of measurement on real data, or on data of known truth, beside what is used now."""

from collections.abc import Callable

from benchmarks.readouts import rest, streaming, whole_brain
from benchmarks.readouts.calcium_spikes import calcium_spikes
from benchmarks.readouts.decision import decision
from benchmarks.readouts.evoked import evoked
from benchmarks.readouts.lfp_optical import lfp_optical
from benchmarks.readouts.motor import motor
from benchmarks.readouts.whole_brain_time import whole_brain_time
from benchmarks.rows import Row

ROWS: dict[str, Callable[[], list[Row]]] = {
    "evoked": evoked,
    "calcium-spikes": calcium_spikes,
    "motor": motor,
    "lfp-optical": lfp_optical,
    "whole-brain": whole_brain.whole_brain,
    "whole-brain-time": whole_brain_time,
    "nitime-rest": rest.rest_connectivity,
    "decision": decision,
    "rest-streaming": streaming.streaming,
}
