"""What to look for: one file or folder per theme, with its sample events beside it.

Each theme has `DEFAULT`, `EXTENDED` and `QUERIED`, its detections by tier, and `QUERIES`, its other saved queries.
"""
