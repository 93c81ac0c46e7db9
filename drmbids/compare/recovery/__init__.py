"""Estimates beside the values that the data were drawn with."""
