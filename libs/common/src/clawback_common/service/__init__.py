"""What every service is, from its definition: the command line, the worker, the API, migrations and common commands."""
