"""``python -m ingester ROLE``: worker, api, migrate, and the commands of the ingester."""

import sys

from clawback_common.service.cli import main
from ingester.service import SERVICE

if __name__ == "__main__":
    sys.exit(main(SERVICE))
