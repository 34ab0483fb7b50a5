"""The DuckDB that reads logs: its session, its macros, and how it reads lines."""
