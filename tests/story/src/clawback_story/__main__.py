"""``python -m clawback_story``: the command behind ``make demo``."""

import sys

from clawback_story.demo import main

if __name__ == "__main__":
    sys.exit(main())
