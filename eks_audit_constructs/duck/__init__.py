"""DuckDB for reading logs: the session, the macros, and the reading of lines."""
