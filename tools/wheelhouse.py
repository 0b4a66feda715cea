"""Makes wheelhouse/: skipviz and all that it needs as wheels, for rooms without a network.

    python tools/wheelhouse.py [--light]

--light leaves out what training needs. The wheels are those of this system and this Python: make
them on a machine like those in the room. pip's own settings choose the index, so that with
PIP_EXTRA_INDEX_URL the CPU-only torch is taken.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(light: bool) -> int:
    """The status of what failed, or 0."""
    home = ROOT / "wheelhouse"
    home.mkdir(exist_ok=True)
    for old in home.glob("skipviz-*.whl"):
        old.unlink()
    wheel = [sys.executable, "-m", "pip", "wheel", "--wheel-dir", str(home)]
    if status := subprocess.run([*wheel, "--no-deps", str(ROOT)]).returncode:
        return status
    (ours,) = home.glob("skipviz-*.whl")
    wanted = str(ours) if light else f"{ours}[train]"
    if status := subprocess.run([*wheel, "--find-links", str(home), wanted]).returncode:
        return status
    name = "skipviz" if light else "skipviz[train]"
    line = f'python -m pip install --no-index --find-links wheelhouse "{name}"'
    version = ".".join(map(str, sys.version_info[:2]))
    text = f"With Python {version}, in the folder that holds wheelhouse:\n\n    {line}\n"
    (home / "INSTALL.txt").write_text(text, encoding="utf-8")
    megabytes = sum(path.stat().st_size for path in home.glob("*.whl")) / 1e6
    print(f"{len(list(home.glob('*.whl')))} wheels, {megabytes:.0f} MB. {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main("--light" in sys.argv[1:]))
