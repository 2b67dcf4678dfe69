"""The lines that ask this lab for predictions over HTTP, on the Export page."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from catdog_core.base import access
from catdog_core.runs import RunRecord
from catdog_core.server import examples

from ..i18n import t


def show_api_examples(model: RunRecord) -> None:
    """Draw how to predict with a model from a program, while this lab runs."""
    address = _lab_address()
    host = urlsplit(address).hostname or ""
    with_token = access.load_access_settings().shared or host not in ("localhost", "127.0.0.1")
    st.subheader(t("API"), anchor=False)
    st.caption(
        t(
            "While this lab runs, other programs can get predictions from it. Run these lines next "
            "to a `photo.jpg`."
        )
    )
    if with_token:
        st.caption(
            t(
                "You need a token. Whoever runs the lab creates one with `python -m catdog_core"
                " token add NAME`. Put it into the environment variable `{variable}`.",
                variable=examples.TOKEN_VARIABLE,
            )
        )
    shell, python = st.tabs(["curl", "Python"])
    shell.code(
        examples.build_curl_example(address, model.id, with_token),
        language=None,
        wrap_lines=True,
    )
    python.code(
        examples.build_python_example(address, model.id, with_token),
        language="python",
        wrap_lines=True,
    )


def _lab_address() -> str:
    """Return the address at which the browser sees the lab."""
    parts = urlsplit(st.context.url or "")
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    address = f"{parts.scheme}://{parts.netloc}" if parts.netloc else "http://127.0.0.1:8501"
    return f"{address}/{base}" if base else address
