"""The use cases of compliance: notices become orders, holders answer them, and holdings checks verify the removal.

Each event has one function with one transaction. All of them lock rows in the same order, so that they cannot
deadlock: articles, orders, obligations, each by id.
"""
