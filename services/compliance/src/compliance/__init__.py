"""Turns notices into orders and sees every copy removed."""
