"""What breaks on purpose: networks, servers, processes. `make test` runs each for a moment, `make faults` in full."""
