"""The browser's camera in a component: its script, its sentences, and its way to the routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from catdog_core.base.files import ASSETS
from catdog_core.server import tickets

from . import permissions
from .i18n import language, t

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer


def build_component(name: str) -> ComponentRenderer:
    """Register the component of ``assets/NAME.js``, which may use all that assets/camera.js has.

    Its styles are those of the page: assets/page.css.
    """
    parts = [(ASSETS / f"{each}.js").read_text("utf-8") for each in ("camera", name)]
    return st.components.v2.component(f"catdog_{name}", js="\n".join(parts), isolate_styles=False)


def request_data(path: str) -> dict[str, Any]:
    """Return what a component's script needs to ask a route of the lab.

    Args:
        path: of the route.

    Returns:
        `url` and `headers` of the request.
    """
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return {
        "url": f"/{base}{path}" if base else path,
        "headers": {tickets.HEADER: permissions.issue_ticket(), "Accept-Language": language()},
    }


def camera_sentences() -> dict[str, str]:
    """Return why there may be no picture, for `openCamera` of assets/camera.js."""
    return {
        "insecure": t(
            "Browsers allow the camera only on localhost and over HTTPS. Ask whoever runs the"
            " lab for an HTTPS address."
        ),
        "missing": t("No camera was found. Connect one, then try again."),
        "denied": t(
            "The browser doesn't let this page use the camera. Allow it next to the page's "
            "address, then try again."
        ),
        "busy": t("Another program uses the camera. Close that program, then try again."),
        "failed": t("The camera didn't start. Try again, or use another browser."),
    }
