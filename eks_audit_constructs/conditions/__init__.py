"""Conditions on audit events, and their renderings: filter patterns, Logs Insights, SQL."""
