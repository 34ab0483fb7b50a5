"""The code of the custom resource: the text of `index.py`, which templates hold as it is written."""
