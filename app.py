"""skipviz: the server's entry and the frame around every page.

`streamlit run app.py` finds the ASGI app below: its lifespan owns the workers, its routes carry
the frames. The same file is then run as the script of every page view.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

if get_script_run_ctx(suppress_warning=True) is None:
    from skipviz.ui import server

    app = st.App(
        __file__, routes=server.ROUTES, lifespan=server.lifespan, middleware=server.MIDDLEWARE
    )
    if __name__ == "__main__":
        app.run()
else:
    from skipviz.ui.shell import navigate

    navigate()
