"""Tables of the plumbing, which every service database has."""
