"""Settings, configuration files, TLS, and the requirements outside development."""
