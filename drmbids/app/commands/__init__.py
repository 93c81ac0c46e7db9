"""What each command does, callable from Python with a configuration."""
