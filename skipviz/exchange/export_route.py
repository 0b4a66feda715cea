"""The route that takes a run away as a file.

GET  /api/runs/{id}/export/{format}?lane=&zoom=   one file; a folder, or several files, as a zip

Written by `python -m skipviz export` in a process of its own: whatever it takes, pages go on. What
cannot be written is its sentence, as text.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from anyio import to_thread
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from skipviz.core import base_path, child_processes
from skipviz.exchange.formats import FORMATS
from skipviz.store.store import Store

AT_ONCE = 2
MOST_WAITING = 8


class Exports:
    """Writes files of runs, some at a time.

    store   gives the store whose runs leave
    """

    def __init__(self, store: Callable[[], Store], base: str = "") -> None:
        self.store = store
        self.home = base_path.prefix(base)
        self.asked = 0
        self._turn = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[BaseRoute]:
        """The one route."""
        return [Route(f"{self.home}/api/runs/{{run_id}}/export/{{key}}", self.export)]

    async def export(self, request: Request) -> Response:
        """One file of one run."""
        if self.asked >= AT_ONCE + MOST_WAITING:
            sentence = "Several runs are being written already; try again in a minute."
            return PlainTextResponse(sentence, 503)
        self.asked += 1
        folder = Path(tempfile.mkdtemp(prefix="skipviz-export-"))
        away = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        try:
            async with self._turn:
                path = await to_thread.run_sync(self._written, request, folder)
        except BaseException:  # whatever ends it, a client that goes away too: nothing stays behind
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self.asked -= 1
        if isinstance(path, str):
            return PlainTextResponse(path[:1].upper() + path[1:], 404, background=away)
        return FileResponse(path, filename=path.name, background=away,
                            headers={"Cache-Control": "no-store"})  # fmt: skip

    def _written(self, request: Request, folder: Path) -> Path | str:
        """The file that was asked for, or the sentence that says why there is none."""
        run_id, key = request.path_params["run_id"], request.path_params["key"]
        if key not in FORMATS:
            return f"format {key[:40]}: must be one of {', '.join(FORMATS)}."
        if not (Store.is_id(run_id) or Store.is_recorded(run_id)):
            return "there is no such run on this machine."
        name = f"skipviz-{run_id[:8].strip('_-.') or 'run'}-{key}"
        (folder / "out").mkdir()
        words = ["--to", key]
        for option in ("lane", "zoom"):
            if option in request.query_params:
                words.append(f"--{option}={request.query_params[option][:20]}")
        to = str(folder / "out" / (name + FORMATS[key].ending))
        done = subprocess.run(
            child_processes.command("-m", "skipviz", "export", run_id, to, *words),
            env=child_processes.environment(SKIPVIZ_RUNS=str(self.store().root)),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode:
            return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it broke off."
        entries = list((folder / "out").iterdir())
        if len(entries) == 1 and entries[0].is_file():
            return entries[0]
        return Path(shutil.make_archive(str(folder / name), "zip", folder / "out"))
