"""Many machines: sweeps of runs, and packing many photos, all on Ray."""
