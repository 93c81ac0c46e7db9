"""What is held out: runs, blocks of time, stimuli."""
