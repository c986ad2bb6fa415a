"""Readers of exported listening histories: one module a format, found by content (``registry.read_history``)."""
