"""Runs side by side, and groups of runs: sweeps, with and without augmentation, more data."""

from catdog_core import runs
from catdog_core.tuning import groups
from catdog_ui import startup
from catdog_ui.compare import compare_view, group_form, groups_view
from catdog_ui.i18n import N_, t

startup.setup_page(N_("Compare"))

with startup.guard():
    startup.show_title(t("Compare"))
    all_runs = runs.list_runs()
    view = compare_view.choose_view()
    if view == "new":
        group_form.render_group_form()
    elif view == "experiments":
        groups_view.render_groups(groups.list_groups())
    elif all_runs:
        compare_view.render_run_comparison(all_runs)
    else:
        compare_view.show_no_runs()
