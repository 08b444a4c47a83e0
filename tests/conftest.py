"""Makes `tests.helpers` importable from anywhere; no example of a property has to be quick on a busy machine."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent.parent))

settings.register_profile("prefcurate", deadline=None)
settings.load_profile("prefcurate")
