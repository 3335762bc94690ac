"""The rows of analytics that are deleted by age alone. Articles are a data class that retention sweeps."""

from clawback_common.retention.purging import QUARANTINE, YEAR, Aged

PURGES = (QUARANTINE, Aged("compliance_run", "ended_at", 7 * YEAR))
