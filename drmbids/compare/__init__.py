"""Fits held against each other, against chance and against the truth."""
