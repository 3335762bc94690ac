"""The contracts between Clawback's services and with external systems; consumers install this package."""
