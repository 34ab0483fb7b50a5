"""Audit logs: every source, and every shape, brought to lines."""
