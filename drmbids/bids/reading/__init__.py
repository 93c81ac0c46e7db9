"""Files to runs: images, surfaces, events, stimuli, confounds, recordings, times."""
