"""Count questions in logs, minute by minute: in DuckDB, and in plain Python as the reference."""
