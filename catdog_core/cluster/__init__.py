"""Many machines: sweeps of runs, training on several workers, packing many photos, all on Ray."""
