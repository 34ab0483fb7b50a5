"""What `make bench` measures: ratios from one run, so that they mean the same on any machine."""
