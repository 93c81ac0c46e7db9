"""Participants side by side, one at a time in a folder, and none lost when one is killed."""
