"""What every layer stands on: errors, files, processes, limits. Loads no heavy package.

`errors` are sentences that can be translated, `files` writes whole or not at all, `locks` and
`processes` keep processes apart, `subprocess_jobs` and `jobs` run work beside the pages,
`bounded_readers` and `limits` bound what a file from outside may cost, `access` knows roles and
quotas, and `trash` takes what is deleted.
"""
