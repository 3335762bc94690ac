"""``python -m compliance ROLE``: worker, api, migrate, and the commands of compliance."""

import sys

from clawback_common.service.cli import main
from compliance.service import SERVICE

if __name__ == "__main__":
    sys.exit(main(SERVICE))
