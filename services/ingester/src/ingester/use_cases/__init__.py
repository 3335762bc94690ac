"""The use cases of the ingester: one function per event, each for a batch in one transaction.

Articles from every source go through ``store``; orders go through ``on_orders``. All other functions pass articles or
notices to these.
"""
