"""Outboxes: messages are stored in the transaction of the effect, and a relay sends them later, at least once.

There are two lanes, each with its own table, relay and producer. ``priority`` contains complete messages that must not
wait. ``bulk`` contains references that are rendered when they are sent. Neither lane needs to be sent in order,
because receivers compare numbers. So both are read by an unsent flag: there is no cursor to lose and no horizon to
wait for.
"""
