"""Where messages, pages and calls come in; nothing is decided here."""
