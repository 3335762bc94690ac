"""The tables of the ingester: functions with named queries."""
