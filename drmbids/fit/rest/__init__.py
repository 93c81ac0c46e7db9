"""A whole brain at rest on a connectome, fitted to the statistics of runs in closed form."""
