"""Speed beside the peers: ``python -m benchmarks``."""
