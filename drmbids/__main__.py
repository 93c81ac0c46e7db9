"""The command line as ``python -m drmbids``."""

import sys

from drmbids.app.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
