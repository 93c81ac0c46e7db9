"""The story of one analysis: participant and group level, callable from Python with a Config."""
