"""Limits on the rate of requests: whom a request counts for, which limit applies, and the token buckets."""
