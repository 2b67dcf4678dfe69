"""Print the tests that failed in the last run of pytest, one a line: failed_tests.py CACHE_DIR."""

import json
import sys
from pathlib import Path

failed = Path(sys.argv[1]) / "v" / "cache" / "lastfailed"
print("\n".join(sorted(json.loads(failed.read_text(encoding="utf-8")))))
