"""Lines that ask the API for predictions, runnable as they are beside a ``photo.jpg``."""

from __future__ import annotations

from urllib.parse import urlencode

from .openapi import API_PREFIX

TOKEN_VARIABLE = "CATDOG_TOKEN"
"""The environment variable from which the lines read a token."""


def build_curl_example(address: str, model: str, with_token: bool) -> str:
    """Return a command that predicts a photo; more files can be added to it.

    Args:
        address: of the lab, such as "http://127.0.0.1:8501".
        model: the model's id.
        with_token: whether the lab asks for a token.
    """
    token = f' -H "Authorization: Bearer ${TOKEN_VARIABLE}"' if with_token else ""
    return f'curl{token} -F photo=@photo.jpg "{_url(address, model)}"'


def build_python_example(address: str, model: str, with_token: bool) -> str:
    """Return a program of the standard library that predicts a photo; arguments as above."""
    url = f'url = "{_url(address, model)}"'
    lines = [
        "import json",
        *(["import os"] if with_token else []),
        "from pathlib import Path",
        "from urllib.request import Request, urlopen",
        "",
        url,
        'headers = {"Content-Type": "image/jpeg"}',
    ]
    if with_token:
        lines.append(f'headers["Authorization"] = f"Bearer {{os.environ[\'{TOKEN_VARIABLE}\']}}"')
    lines += [
        'with urlopen(Request(url, Path("photo.jpg").read_bytes(), headers)) as reply:',
        '    prediction = json.load(reply)["predictions"][0]',
        'print(prediction["label"], prediction["probabilities"])',
    ]
    return "\n".join(lines)


def _url(address: str, model: str) -> str:
    return f"{address}{API_PREFIX}/predict?{urlencode({'model': model})}"
