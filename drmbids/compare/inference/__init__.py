"""How well data determine the physical parameters of a fitted model."""
