"""The common parts of every service: command line, worker, API, migrations and common commands."""
