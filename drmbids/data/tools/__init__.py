"""What every module may need: errors, checks of arguments, registries, words for messages."""
