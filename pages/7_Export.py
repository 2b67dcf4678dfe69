"""A run's model as files for elsewhere, and runs that come from elsewhere."""

import streamlit as st

from catdog_ui import startup
from catdog_ui.export import api_examples, export_view
from catdog_ui.i18n import N_, t

startup.setup_page(N_("Export"))

with startup.guard():
    startup.show_title(t("Export"))
    st.markdown(
        t("Take a model with you to a phone, a web page, another program or another machine.")
    )
    model = export_view.choose_model()
    if model is not None:
        export_view.show_formats(model)
        api_examples.show_api_examples(model)
    export_view.render_bundle_import()
