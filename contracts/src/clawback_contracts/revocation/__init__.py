"""Revocations: the notice that an article may no longer be held, the order, and every holder's receipt."""
