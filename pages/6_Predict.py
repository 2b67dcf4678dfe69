"""Photos in, class and probability out."""

import streamlit as st

from catdog_ui import startup, warm
from catdog_ui.predict import predict_photos, predict_results, predict_view
from catdog_ui.words import N_, t

startup.page(N_("Predict"))

with startup.guard():
    st.title(t("Predict"), anchor=False)
    choice, photos = None, []
    left, right = st.columns([2, 3], gap="large")
    with left, startup.guard():
        choice = predict_view.choose_model()
    with right, startup.guard():
        photos = predict_photos.choose(choice.dataset_id if choice else "")
    if choice is not None and photos:
        model, rows = predict_view.ask(choice, photos)
        if rows is not None:
            predict_results.show(choice, model, photos, rows)

warm.begin()
