"""Start a training and watch it learn."""

from catdog_ui import startup
from catdog_ui.i18n import N_, t
from catdog_ui.train import run_actions, train_form, train_tabs, train_view

startup.setup_page(N_("Train"))

with startup.guard():
    startup.show_title(t("Train"))
    run_actions.open_started_run()
    tab = train_tabs.choose_tab()
with startup.guard():
    if tab == train_tabs.NEW:
        train_form.show_form()
    else:
        train_view.show_runs()
