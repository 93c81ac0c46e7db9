"""Plain numpy types shared by every room: time, streams, runs, errors. No torch, no nilearn."""
