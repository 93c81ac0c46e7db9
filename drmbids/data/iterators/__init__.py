"""Feeding a net: runs or plain arrays become batches of windows."""
