"""What to look for, a file or a folder a theme, and its sample events beside it.

Each has `DEFAULT`, `EXTENDED` and `QUERIED`, its detections by tier, and `QUERIES`, saved queries of its own.
"""
