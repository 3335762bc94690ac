"""``python -m retention ROLE``: worker, api, migrate, and the commands of retention."""

import sys

from clawback_common.service.cli import main
from retention.service import SERVICE

if __name__ == "__main__":
    sys.exit(main(SERVICE))
