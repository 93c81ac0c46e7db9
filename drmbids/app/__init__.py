"""The BIDS app: a folder in, a folder out."""
