"""Where the test containers' files lie."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "extensions" / "molecule"
RECIPES = ROOT / "tests" / "images"
#: Images, repositories and running sessions. Several checkouts may share one.
CACHE = Path(os.environ.get("B2CT_TEST_CACHE") or ROOT / "build" / "containers").resolve()
IMAGES = CACHE / "images"
SESSIONS = CACHE / "sessions"
EL_REPOSITORIES = CACHE / "el-repositories"
