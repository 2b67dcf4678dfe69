"""Tell which folders photos may be read from, as the environment or access.json names them."""

from __future__ import annotations

import os
from pathlib import Path

from ..base import access

ROOTS_VARIABLE = "CATDOG_ROOTS"


def allowed_roots() -> list[Path] | None:
    """Return the folders a person's photos may lie in; None where any may be opened.

    ``CATDOG_ROOTS`` names them, as ``PATH`` does its folders; else access.json does. Where neither
    says anything, a lab of one's own may open what its user may read, a shared one nothing.
    """
    named = os.environ.get(ROOTS_VARIABLE)
    if named:
        roots = named.split(os.pathsep)
    elif access.load_access_settings().shared:
        roots = list(access.load_access_settings().roots)
    else:
        return None
    return [Path(root).expanduser().resolve() for root in roots if root.strip()]
