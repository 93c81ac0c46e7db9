"""Checks that any component keeps its contract: for the project's own tests and for yours.

Each check takes what builds the component, a class or a function of the sizes, and raises
:class:`AssertionError` naming the promise that is broken.
"""

from drmbids.brain.testing.connections import check_connection, check_fixed_delay
from drmbids.brain.testing.hemodynamics import check_hrf
from drmbids.brain.testing.losses import check_loss
from drmbids.brain.testing.populations import check_population
from drmbids.brain.testing.readouts import check_readout
from drmbids.brain.testing.synapses import check_synapse
from drmbids.brain.testing.weights import check_weights
from drmbids.fit.estimators.expected_failures import expected_failed_checks

__all__ = [
    "check_connection",
    "check_fixed_delay",
    "check_hrf",
    "check_loss",
    "check_population",
    "check_readout",
    "check_synapse",
    "check_weights",
    "expected_failed_checks",
]
