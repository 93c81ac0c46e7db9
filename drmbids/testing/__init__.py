"""Checks that any component keeps its contract: for the project's own tests and for yours.

Each check takes what builds the component, a class or a function of the sizes, and raises
:class:`AssertionError` naming the promise that is broken.
"""

from drmbids.testing.connections import check_connection, check_fixed_delay
from drmbids.testing.hemodynamics import check_hrf
from drmbids.testing.losses import check_loss
from drmbids.testing.populations import check_population
from drmbids.testing.readouts import check_readout
from drmbids.testing.scikit_learn import expected_failed_checks
from drmbids.testing.synapses import check_synapse
from drmbids.testing.weights import check_weights

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
