"""Data drawn from a net with known parameters."""
