"""Keys work once and for a while; log-ins end; the file knows hashes alone."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from skipviz.access import keys as module
from skipviz.access.keys import Keys
from skipviz.cli.main import main
from tests.test_strict_json import strict


class Clock:
    now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_key_works_once(folder: Path) -> None:
    keys = Keys(folder)
    key = keys.new_key()
    cookie = keys.redeem(key)
    assert cookie is not None and keys.valid(cookie) and Keys(folder).valid(cookie)
    assert keys.redeem(key) is None
    assert keys.redeem("") is None and keys.redeem("nonsense") is None
    assert not keys.valid("") and not keys.valid(key) and not keys.valid(cookie + "x")


def test_a_key_works_for_fifteen_minutes_and_a_log_in_for_twelve_hours(
    folder: Path, clock: Clock
) -> None:
    keys = Keys(folder)
    late, timely = keys.new_key(), keys.new_key()
    clock.now += 15 * 60 - 1
    cookie = keys.redeem(timely)
    assert cookie is not None
    clock.now += 1
    assert keys.redeem(late) is None
    clock.now += 12 * 3600 - 2
    assert keys.valid(cookie)
    clock.now += 1
    assert not keys.valid(cookie)


def test_a_key_that_two_redeem_at_once_is_one_s(folder: Path) -> None:
    key, cookies = Keys(folder).new_key(), []
    threads = [
        threading.Thread(target=lambda: cookies.append(Keys(folder).redeem(key))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(cookie is not None for cookie in cookies) == 1


def test_a_changed_pass_phrase_log_out_and_revoking_end_log_ins(folder: Path) -> None:
    keys = Keys(folder, "the first sentence")
    one, two, three = (keys.log_in() for _ in range(3))
    assert keys.valid(one) and not Keys(folder, "the second sentence").valid(one)
    keys.log_out(one)
    assert not keys.valid(one) and keys.valid(two)
    unused = keys.new_key()
    assert keys.revoke() == 2
    assert not keys.valid(two) and not keys.valid(three) and keys.redeem(unused) is None


def test_the_file_is_its_owner_s_and_knows_no_secret(folder: Path) -> None:
    keys = Keys(folder, "a secret sentence")
    before = os.umask(0)
    try:
        key, cookie = keys.new_key(), keys.log_in()
    finally:
        os.umask(before)
    text = keys.path.read_text(encoding="utf-8")
    assert key not in text and cookie not in text and "secret" not in text
    if sys.platform != "win32":
        assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ["", "[]", '{"logins": 3}', '{"logins": {"a": "b"}, "keys": [1]}', "\x00", '{"keys":'],
)  # fmt: skip
def test_a_file_that_is_broken_lets_nobody_in_and_is_mended(folder: Path, text: str) -> None:
    keys = Keys(folder)
    folder.mkdir(parents=True)
    keys.path.write_text(text, encoding="utf-8")
    assert not keys.valid("anything") and keys.redeem("anything") is None
    cookie = keys.redeem(keys.new_key())
    assert cookie is not None and keys.valid(cookie)


def test_the_command_prints_an_address_that_works_and_ends_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Keys(folder).serves_at("http://192.168.1.4:8501/base")
    assert main(["key", "--json"]) == 0
    address = strict(capsys.readouterr().out)["address"]
    home, _, key = address.partition("?key=")
    assert home == "http://192.168.1.4:8501/base/lecturer"
    cookie = Keys(folder).redeem(key)
    assert cookie is not None and Keys(folder).valid(cookie)
    assert main(["key"]) == 0 and capsys.readouterr().out.startswith(home)
    assert main(["key", "--revoke"]) == 0 and "1 log-ins ended" in capsys.readouterr().out
    assert not Keys(folder).valid(cookie)
