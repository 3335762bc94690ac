"""What of the tables of analytics ends by age alone; articles are a class that retention sweeps."""

from clawback_common.retention.purging import QUARANTINE, YEAR, Aged

PURGES = (QUARANTINE, Aged("compliance_run", "ended_at", 7 * YEAR))
