"""The command line: it parses first, and imports what a command needs after."""
