"""The lab as it is, but for its quick training, which takes seconds: for the way to its end."""

import streamlit as st

from catdog_core.base import files
from catdog_core.config import Training
from catdog_ui import server
from catdog_ui.train import run_actions

run_actions.QUICK_TRAINING = Training(
    epochs=3, steps_per_epoch=6, validation_steps=2, learning_rate=1e-3
)
server.check_startup_config()
app = st.App(
    files.PROJECT / "streamlit_app.py",
    middleware=server.build_middleware(),
    lifespan=server.lifespan,
)
