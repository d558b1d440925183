"""`bench` lies beside `src`, belongs to the checkout and is in no wheel: its folder is searched last."""

import sys
from pathlib import Path

_ROOT = str(Path(__file__).parents[2])
if _ROOT not in sys.path:
    sys.path.append(_ROOT)
