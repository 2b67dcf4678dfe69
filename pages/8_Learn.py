"""The class notes retold, each statement beside a live miniature of it."""

from catdog_ui import startup
from catdog_ui.i18n import N_, t
from catdog_ui.learn import learn_view

startup.setup_page(N_("Learn"))

with startup.guard():
    startup.show_title(t("Learn"))
    learn_view.show_learn()
