"""The use cases of retention: policies become requests, owners answer them, and records under a legal hold are kept.

Each event is handled by one function in one transaction. All transactions lock rows in the same order, which prevents
deadlocks: the lock of the holds, holds, sweeps by id, answers.
"""
