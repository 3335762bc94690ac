"""The end-to-end scenario, and the checkers that verify its result."""
