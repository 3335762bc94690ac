"""Migrations of the common tables, which every service's database has."""
