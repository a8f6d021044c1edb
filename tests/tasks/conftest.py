"""Makes `cast_boxes` and `text_guesser` importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
