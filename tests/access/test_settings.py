"""Settings: where they are looked for, what goes before what, and what is refused."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from skipviz.access import settings, who
from skipviz.access.roles import COOKIE, Connection, Guests, Role
from skipviz.access.settings import Settings, load
from skipviz.core.knob import SpecError
from skipviz.core.limits import Limits

ROOT = Path(__file__).parents[2]


def _file(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "skipviz.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_anything_guests_watch_and_this_machine_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings.platformdirs, "user_config_path", lambda *_: tmp_path / "user")
    assert load({}) == Settings(guests=Guests.WATCH, trust_local=True, passphrase="")


def test_the_working_directory_goes_before_the_user_s_folder_and_the_environment_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings.platformdirs, "user_config_path", lambda *_: tmp_path / "user")
    _file(tmp_path / "user", 'guests = "nothing"\ntrust_local = false')
    assert load({}) == Settings(Guests.NOTHING, trust_local=False)
    _file(tmp_path, 'guests = "run"\npassphrase = "ein Satz, den man tippt"')
    assert load({}) == Settings(Guests.RUN, True, "ein Satz, den man tippt")
    given = {"SKIPVIZ_GUESTS": "watch", "SKIPVIZ_TRUST_LOCAL": "no", "SKIPVIZ_PASSPHRASE": "x" * 12}
    assert load(given) == Settings(Guests.WATCH, False, "x" * 12)
    named = _file(tmp_path / "named", "trust_local = false")
    assert load({"SKIPVIZ_CONFIG": str(named)}) == Settings(trust_local=False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('guest = "run"', "there is no setting 'guest'; there is guests, trust_local, passphrase"),
        ('guests = "all"', "guests: 'all' must be one of nothing, watch, run"),
        ("guests = 3", "guests: 3 must be one of"),
        ('trust_local = "perhaps"', "trust_local: 'perhaps' must be true or false"),
        ("trust_local = 1.5", "must be true or false"),
        ('passphrase = "short"', "passphrase: must be a text of at least 12 characters"),
        ("passphrase = 123456789012", "must be a text"),
        ("guests = ", "cannot be read"),
        ("[server]\nport = 1", "there is no setting 'server'"),
        ("proxies = 3", "proxies: 3 must be a list of addresses or networks"),
        ('proxies = ["*"]', "must be a list of addresses or networks, such as 172.18.0.0/16"),
        ('proxies = ["172.18.0.5/16"]', "must be a list of addresses or networks"),
        ("limits = 3", "must be a table, [limits]"),
        ("[limits]\nguest_step = 3", "there is no limit 'guest_step'; there is guest_runs, guest_"),
        ("[limits]\nguest_steps = 1.5", "guest_steps: 1.5 must be a whole number of at least 1"),
        ("[limits]\nguest_steps = 0", "guest_steps: 0 must be a whole number of at least 1"),
        ("[limits]\nguest_runs = true", "guest_runs: True must be a number"),
        ('[limits]\nguest_minutes = "long"', "guest_minutes: 'long' must be a number"),
        ("[limits]\nlease_minutes = inf", "lease_minutes: inf must be a number of at least"),
        ("[limits]\nlease_minutes = nan", "lease_minutes: nan must be a number of at least"),
    ],
)
def test_what_is_wrong_is_refused_in_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SpecError) as refused:
        load({"SKIPVIZ_CONFIG": str(_file(tmp_path, text))})
    assert why in str(refused.value) and "\n" not in str(refused.value)
    assert "short" not in str(refused.value)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no file"):
        load({"SKIPVIZ_CONFIG": str(tmp_path / "none.toml")})
    with pytest.raises(SpecError, match="SKIPVIZ_GUESTS: 'some' must be one of"):
        load({"SKIPVIZ_GUESTS": "some"})


def test_limits_are_a_table_of_the_file_and_variables_of_the_environment(tmp_path: Path) -> None:
    named = _file(tmp_path, "[limits]\nguest_steps = 300\nlease_minutes = 1\n")
    given = {"SKIPVIZ_CONFIG": str(named), "SKIPVIZ_LIMIT_GUEST_STEPS": "400"}
    assert load(given).limits == Limits(guest_steps=400, lease_minutes=1.0)
    with pytest.raises(SpecError, match="SKIPVIZ_LIMIT_WAITING: '-1' must be a whole number"):
        load({"SKIPVIZ_LIMIT_WAITING": "-1"})


def test_every_limit_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "in_class.md").read_text(encoding="utf-8")
    for limit in fields(Limits):
        row = next((line for line in text.splitlines() if line.startswith(f"| `{limit.name}`")), "")
        assert f"| {limit.default:g} |" in row, limit.name


def test_every_setting_is_documented_with_its_variable_and_its_default() -> None:
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    table = text.partition("| `skipviz.toml` |")[2].partition("\n\n")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    documented = {row[0].strip("|` "): (row[1].strip("`"), row[2].strip("`")) for row in rows}
    declared = {
        each.name: (f"SKIPVIZ_{each.name.upper()}", _as_in_the_file(each.default))
        for each in fields(Settings)
        if each.name != "limits"
    }
    assert documented.pop("[limits]")[0] == "SKIPVIZ_LIMIT_…"
    assert documented == declared


def _as_in_the_file(default: Any) -> str:
    if isinstance(default, float):
        return f"{default:g}"
    return json.dumps(default) if default not in ("", ()) else "none"


def test_a_pass_phrase_is_not_in_what_settings_print() -> None:
    assert "secret" not in repr(Settings(passphrase="a secret sentence"))


def test_a_changed_file_counts_without_a_restart_and_a_broken_one_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = _file(tmp_path, 'passphrase = "the first sentence"')
    monkeypatch.setenv("SKIPVIZ_CONFIG", str(path))
    settings.forget()
    assert settings.current().passphrase == "the first sentence"
    _file(tmp_path, 'passphrase = "another sentence"\nguests = "nothing"')
    assert settings.current() == Settings(Guests.NOTHING, True, "another sentence")
    _file(tmp_path, 'guests = "everything"')
    assert [settings.current().guests for _ in range(3)] == [Guests.NOTHING] * 3
    assert len(caplog.records) == 1 and "must be one of nothing" in caplog.text
    _file(tmp_path, "")
    assert settings.current().guests is Guests.NOTHING
    path.unlink()
    assert settings.current().guests is Guests.NOTHING
    _file(tmp_path, 'guests = "run"')
    assert settings.current() == Settings(Guests.RUN)


def test_a_changed_pass_phrase_ends_every_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path, 'passphrase = "the first sentence"')
    monkeypatch.setenv("SKIPVIZ_CONFIG", str(path))
    settings.forget()
    cookie = who.keys().log_in()
    lecturer = Connection("192.168.1.9", (("cookie", f"{COOKIE}={cookie}"),))
    assert who.role(lecturer) is Role.LECTURER
    _file(tmp_path, 'passphrase = "the second sentence"')
    assert who.role(lecturer) is Role.GUEST
