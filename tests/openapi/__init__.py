"""The descriptions of the five APIs."""
