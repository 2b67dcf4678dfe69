"""What every layer stands on: errors, files, processes, limits. No heavy package is loaded.

`errors` and `messages` are sentences that can be translated, `files` writes whole or not at all,
`locks` and `processes` keep processes apart, `subprocess_jobs` and `jobs` run background work,
`bounded_readers` and `limits` bound what a file from outside may cost, `access` knows roles and
quotas, and `trash` takes what is deleted.
"""

from .errors import (
    N_,
    AccessError,
    CatDogError,
    ClusterError,
    DatasetError,
    DownloadError,
    ModelError,
    PhotoError,
    RunError,
    SettingsError,
)

__all__ = [
    "N_",
    "AccessError",
    "CatDogError",
    "ClusterError",
    "DatasetError",
    "DownloadError",
    "ModelError",
    "PhotoError",
    "RunError",
    "SettingsError",
]
