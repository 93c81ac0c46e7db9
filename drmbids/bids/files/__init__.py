"""Which files there are, what they are called, and how tables are read and files written."""
