"""ES modules become one classic script: the same names, in the order of the imports."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from skipviz.core import places
from skipviz.offline import parts
from skipviz.offline.classic_script import UnreadableModule, classic_script
from tests.js import node

MODULES = {
    "page/entry.js": """// begins
import { double, OFFSET as begin } from "../lib/sums.js";
import { name } from "./name.js";
console.log(name(double(begin)));
""",
    "page/name.js": 'import { OFFSET } from "../lib/sums.js";\n'
    "export const name = (of) => `n${of}-${OFFSET}`;\n",
    "lib/sums.js": """/** @import { Nothing } from "./nothing.js" */
export const OFFSET = 3, OTHER = 4;
export function double(of) { return 2 * of; }
console.log("once");
""",
}


def written(folder: Path, modules: dict[str, str]) -> list[Path]:
    for name, text in modules.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / next(iter(modules))]


def test_a_classic_script_says_what_its_modules_say(tmp_path: Path) -> None:
    try:
        program = node.find().program
    except node.NoNode as error:
        pytest.skip(str(error))
    script = tmp_path / "all.js"
    script.write_text(classic_script(written(tmp_path, MODULES)), encoding="utf-8")
    done = subprocess.run([program, str(script)], capture_output=True, encoding="utf-8")
    assert done.stdout.split() == ["once", "n6-3"], done.stderr


@pytest.mark.parametrize(
    "line",
    [
        'import "./lib.js";',
        'import * as all from "./lib.js";',
        "export default 3;",
        "export let count = 0;",
        "export { one };",
        'const late = await import("./lib.js");',
    ],
)
def test_a_module_that_cannot_be_read_whole_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableModule, match="entry.js: a classic script cannot say"):
        classic_script(written(tmp_path, {"page/entry.js": f"const one = 1;\n{line}\n"}))


def test_the_script_of_our_pages_holds_every_live_module_and_no_module_words() -> None:
    script = parts.script()
    for path in (places.shipped() / "assets" / "live").glob("*.js"):
        held = f"const live_{path.stem} = (" in script
        assert held == (path.stem != "figures"), path.name  # it is for pages of a server alone
    assert not re.search(r"^(import|export) |import\.meta", script, re.M)
    assert parts.inline_script(script).count("</script") == 1
    with pytest.raises(ValueError, match="cannot stand in a script element"):
        parts.inline_script('"</SCRIPT>"')


def test_what_is_bundled_stands_with_its_licence() -> None:
    text = parts.third_party()
    for words in ("plotly.js", "The MIT License", "CC BY 4.0", "BSD 3-Clause", "Plotly, Inc."):
        assert words in text
