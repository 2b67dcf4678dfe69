"""Where a model is right and where it is wrong, photo by photo."""

import streamlit as st

from catdog_ui import similar_view, startup
from catdog_ui.evaluate import evaluate_view, model_picker
from catdog_ui.i18n import N_, t

startup.setup_page(N_("Evaluate"))

with startup.guard():
    startup.show_title(t("Evaluate"))
    st.markdown(
        t("One number hides a lot. See which photos the model gets wrong, and how sure it was.")
    )
    subject = model_picker.choose_subject()
    if subject is not None:
        evaluate_view.show_evaluation(subject)
        similar_view.show_requested(subject.dataset)
