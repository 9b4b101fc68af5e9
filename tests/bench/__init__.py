"""What asok costs, against a bare echo of the same size in the same run. `make bench` writes docs/performance.md."""
