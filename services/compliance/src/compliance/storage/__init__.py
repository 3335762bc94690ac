"""The tables of compliance: functions with named queries."""
