"""Audit logs from every source and in every shape, read as lines."""
