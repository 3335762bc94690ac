"""Turns revocation notices into orders and verifies that every copy is removed."""
