"""Messages out: written in the transaction of the effect, sent afterwards by a relay, at least once.

Two lanes, each with its own table, relay and producer. ``orders`` carries whole messages that must not wait;
``news`` carries references that are rendered when they are sent. Neither needs an order of sending, since every
receiver folds by number, so both are read by an unsent flag: no cursor to lose, no horizon to wait for.
"""
