"""Every kind of measurement on real data, or on data of known truth, beside what is used now."""

from collections.abc import Callable

from benchmarks.readouts import rest, streaming, whole_brain
from benchmarks.readouts.decision import decision
from benchmarks.rows import Row

ROWS: dict[str, Callable[[], list[Row]]] = {
    "decision": decision,
    "whole-brain": whole_brain.whole_brain,
    "nitime-rest": rest.rest_connectivity,
    "rest-streaming": streaming.streaming,
}
