"""``python -m analytics ROLE``: worker, api, migrate, and the commands of analytics."""

import sys

from analytics.service import SERVICE
from clawback_common.service.cli import main

if __name__ == "__main__":
    sys.exit(main(SERVICE))
