"""The file of a run's frames while they are written: whole batches, whatever the disk does."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of errors of the system: there is no room for what was to be written."""


class FramesFile:
    """Appends to a run's `frames.arrow`.

    whole   the bytes up to which it holds whole batches
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _BINARY, 0o666)
        self.whole = os.fstat(self._file).st_size

    def append(self, data: bytes) -> None:
        """Writes all of it, at once and to the system, which keeps it when this process is killed.
        OSError; what was written of it by then is taken back."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self.whole)
            raise
        self.whole += len(data)

    def close(self) -> None:
        """No more is written."""
        os.close(self._file)


_BINARY = getattr(os, "O_BINARY", 0)
