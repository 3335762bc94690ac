"""``python -m alerting ROLE``: worker, api, migrate, and the commands of alerting."""

import sys

from alerting.service import SERVICE
from clawback_common.service.cli import main

if __name__ == "__main__":
    sys.exit(main(SERVICE))
