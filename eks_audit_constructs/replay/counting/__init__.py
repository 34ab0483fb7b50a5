"""Questions counted in logs, minute by minute: by DuckDB, and in plain Python, the reference it is held to."""
