"""Whether the product holds in a lecture hall: a real server, real sockets, on this machine alone.

    python -m skipviz bench hall [--json] [--cases phones-300,burst-500] [--quick]

A case is a file in `cases/`: its docstring says what it measures, its `measure` gives the rows.
Servers are child processes on 127.0.0.1; the phones and the lecturer's page are sockets of this
process, so that both share the cores. The lecturer's page is a Streamlit session, asked over its
own protocol: the time of its script is within the figure. `--quick`: a tenth of the clients.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parents[1]), *(each for each in sys.path if each != str(HERE))]

from benchmarks.cases import table  # noqa: E402

ORDER = ("phones-300", "burst-500")
"""The cases that come first, in the order of the table; the others follow by name."""

if __name__ == "__main__":
    sys.exit(table(HERE, __doc__.splitlines()[0], "a tenth of the clients", ORDER))
