"""Conditions on audit events, rendered as filter patterns, Logs Insights queries and SQL."""
