"""The code of the custom resource: `index.py`, which is copied into templates verbatim."""
