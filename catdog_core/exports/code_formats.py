"""The formats to be read rather than run: code and reports of a run. Light."""

from __future__ import annotations

from .exporter import Exporter

ALL: tuple[Exporter, ...] = ()
