"""Groups of runs: sweeps, twins and small-data experiments, trained in turn or by Ray Tune.

`plans` makes the members, `groups` starts, stops and reads a group, `trials` runs its members on
Ray, which is optional.
"""
