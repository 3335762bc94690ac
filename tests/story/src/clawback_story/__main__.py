"""``python -m clawback_story``: what ``make demo`` runs."""

import sys

from clawback_story.demo import main

if __name__ == "__main__":
    sys.exit(main())
