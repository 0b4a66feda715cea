"""Whether runs that last can be lived with: a real server, a real browser, this machine alone.

    python -m skipviz bench runs [--json] [--cases history-1000,million] [--quick]

A case is a file in `cases/`: its docstring says what it measures, its `measure` gives the rows.
`--quick`: a tenth of the runs, of the frames and of the steps.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parents[1]), *(each for each in sys.path if each != str(HERE))]

from benchmarks.cases import table  # noqa: E402

if __name__ == "__main__":
    sys.exit(table(HERE, __doc__.splitlines()[0], "a tenth of the runs, frames and steps"))
