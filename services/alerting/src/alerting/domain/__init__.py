"""Alerts and what follows from them, as values: who is told what, when, in which words."""
