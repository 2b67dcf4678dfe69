"""Photos or the camera in, class and probability out."""

import streamlit as st

from catdog_ui import loaders, startup
from catdog_ui.i18n import N_, t
from catdog_ui.predict import live_view, predict_inputs, predict_results

startup.setup_page(N_("Predict"))

with startup.guard():
    startup.show_title(t("Predict"))
    if live_view.choose_view() == "live":
        live_view.show_live()
    else:
        choice, photos = None, []
        left, right = st.columns([2, 3], gap="large")
        with left, startup.guard():
            choice = predict_inputs.choose_model()
        with right, startup.guard():
            photos = predict_inputs.choose_photos(choice.dataset_id if choice else "")
        if choice is not None and photos:
            predict_inputs.show_scale_check(choice, photos)
            model, rows = predict_inputs.predict_in_background(choice, photos)
            if rows is not None:
                predict_results.show_results(choice, model, photos, rows)

loaders.begin_preload()
