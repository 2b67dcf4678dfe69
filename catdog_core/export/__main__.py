"""Write one export in a process of its own: ``python -m catdog_core.export``, asked on stdin."""

from ..base import subprocess_jobs
from .export_files import handle_export_request

subprocess_jobs.handle_request(handle_export_request)
