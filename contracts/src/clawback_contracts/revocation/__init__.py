"""Revocations: the notice that an article may no longer be held, the order, every holder's answer."""
