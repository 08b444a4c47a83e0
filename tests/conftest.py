"""Makes `tests.helpers` importable from anywhere."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
