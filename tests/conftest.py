"""Keeps every test off the user's own data, caches and mirrors; servers under test inherit it."""

from __future__ import annotations

import os
import tempfile

_FOLDER = tempfile.TemporaryDirectory(prefix="skipviz-tests-")
os.environ["SKIPVIZ_CACHE"] = _FOLDER.name
os.environ["SKIPVIZ_MIRROR"] = "http://127.0.0.1:9/"  # nothing answers there
os.environ.pop("SKIPVIZ_DATA", None)
