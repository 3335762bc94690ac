"""Plumbing shared by the services, named by technique."""
