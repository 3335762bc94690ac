"""Tells people what they must know, once, by the channels that they chose."""
