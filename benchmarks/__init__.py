"""The benchmarks of `make bench`: ratios within one run, which are comparable across machines."""
