"""Sweeps: groups of runs that Ray Tune trains, here or on many machines."""
