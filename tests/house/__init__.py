"""The five services have the same rooms, and the same thing has one name."""
