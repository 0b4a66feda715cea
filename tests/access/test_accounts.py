"""Which account is a lecturer's, and how long what a provider said counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skipviz.access import accounts, login
from skipviz.access.accounts import entry_of, is_fresh, sign_in
from skipviz.access.keys import Keys
from skipviz.access.settings import load
from skipviz.core.knob import SpecError
from tests.access.conftest import Set

LISTED = ("Ada@example.edu", "sub:248 289")
CLAIMS = {"iss": "https://accounts.example", "sub": "1815", "iat": 1_000_000, "nonce": "n"}


@pytest.mark.parametrize(
    ("claims", "entry"),
    [
        ({"email": "ada@EXAMPLE.edu", "email_verified": True}, LISTED[0]),
        ({"email": "ada@example.edu", "email_verified": "true"}, LISTED[0]),
        ({"email": "ada@example.edu", "email_verified": False}, None),
        ({"email": "ada@example.edu"}, None),
        ({"email": "ada@example.edu", "email_verified": "yes"}, None),
        ({"email": "eve@example.edu", "email_verified": True}, None),
        ({"sub": "248 289"}, LISTED[1]),
        ({"sub": 248}, None),
        ({"sub": "Ada@example.edu"}, None),
        ({"email": "sub:248 289", "email_verified": True}, None),
        ({"sub": None, "email": ["ada@example.edu"], "email_verified": True}, None),
        ({}, None),
    ],
)
def test_a_verified_address_or_a_subject_names_an_account(
    claims: dict[str, Any], entry: str | None
) -> None:
    assert entry_of(claims, LISTED) == entry
    assert entry_of(claims, ()) is None


@pytest.mark.parametrize("issued_at", [None, "1000000", True, [], float("nan")])
def test_a_token_without_a_time_is_not_fresh(issued_at: Any) -> None:
    assert not is_fresh({"iat": issued_at}, 1_000_000)


def test_a_token_counts_for_a_quarter_of_an_hour() -> None:
    assert is_fresh(CLAIMS, 1_000_000) and is_fresh(CLAIMS, 1_000_000 + accounts.FRESH_S - 1)
    assert not is_fresh(CLAIMS, 1_000_000 + accounts.FRESH_S)
    assert is_fresh(CLAIMS, 1_000_000 - accounts.SKEW_S)
    assert not is_fresh(CLAIMS, 1_000_000 - accounts.SKEW_S - 1)


def test_two_log_ins_have_two_names() -> None:
    others = [{**CLAIMS, name: "another"} for name in CLAIMS]
    assert len({sign_in(each) for each in [CLAIMS, *others]}) == 5


def test_a_log_in_at_a_provider_counts_once_and_as_long_as_its_account_is_listed(
    folder: Path,
) -> None:
    ada, eve = LISTED
    keys = Keys(folder, "a pass phrase", LISTED)
    key = keys.key_of_account(ada, sign_in(CLAIMS))
    assert key is not None and keys.key_of_account(ada, sign_in(CLAIMS)) is None
    assert Keys(folder, "a pass phrase").redeem(key) is None, "nobody is listed"
    assert Keys(folder, "a pass phrase", [eve]).redeem(key) is None
    cookie = keys.redeem(key)
    assert cookie is not None and keys.valid(cookie) and keys.redeem(key) is None
    assert not Keys(folder, "a pass phrase", [eve]).valid(cookie)
    assert not Keys(folder, "a pass phrase").valid(cookie)
    assert not Keys(folder, "another", LISTED).valid(cookie)
    assert Keys(folder, "a pass phrase", [eve, ada]).valid(cookie), "the order is nothing"
    keys.log_out(cookie)
    assert not keys.valid(cookie) and keys.key_of_account(ada, sign_in(CLAIMS)) is None
    again = keys.key_of_account(ada, sign_in({**CLAIMS, "nonce": "m"}))
    assert again is not None and keys.revoke() == 0 and keys.redeem(again) is None


def test_accounts_are_listed_in_the_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "skipviz.toml"
    file.write_text('lecturers = ["ada@example.edu", "sub:1"]', encoding="utf-8")
    assert load({"SKIPVIZ_CONFIG": str(file)}).lecturers == ("ada@example.edu", "sub:1")
    named = {"SKIPVIZ_LECTURERS": "ada@example.edu, sub:1"}
    assert load({"SKIPVIZ_CONFIG": str(file)} | named).lecturers == ("ada@example.edu", "sub:1")
    for wrong in ('"ada"', '["ada"]', "[1]", '["sub:"]', '["a@b", ""]', '["a@b@c"]', "true", "{}"):
        file.write_text(f"lecturers = {wrong}", encoding="utf-8")
        with pytest.raises(SpecError, match='must be a list of e-mail addresses, or of "sub:"'):
            load({"SKIPVIZ_CONFIG": str(file)})


def test_the_lecturer_s_door_leads_to_the_providers_that_there_are(set_to: Set) -> None:
    from tests.access.test_doors import FAR, TestClient

    def door(*providers: str) -> str:
        from starlette.applications import Starlette

        app = Starlette(routes=login.routes("base", lambda: providers))
        client = TestClient(app, base_url="http://hall.example", client=FAR)
        return str(client.get("/base/lecturer").text)

    assert "Log in with" not in door()
    assert '<a class="button" href="/base/?account=default">Log in with your account</a>' in door(
        "default"
    )
    two = door("google", 'a"b')
    assert "Log in with Google" in two and 'href="/base/?account=a%22b"' in two
