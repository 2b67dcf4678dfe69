"""Groups of runs: sweeps, paired and small-data experiments, trained in turn or by Ray Tune.

`plans` makes the members, `groups` starts, stops and reads a group, `trials` runs its members on
Ray, which is optional.
"""

from .groups import (
    Cluster,
    Group,
    Trial,
    create_group,
    list_groups,
    load_group,
    remove_group,
    start_driver,
    start_group,
    stop_group,
)
from .plans import GroupPlan, plan_paired_experiment, plan_small_data, plan_sweep

__all__ = [
    "Cluster",
    "Group",
    "GroupPlan",
    "Trial",
    "create_group",
    "list_groups",
    "load_group",
    "plan_paired_experiment",
    "plan_small_data",
    "plan_sweep",
    "remove_group",
    "start_driver",
    "start_group",
    "stop_group",
]
