"""Logging in with an account at a provider of OpenID Connect, through the browser: lecturers that
are listed, accounts that are not, revoking, and a list that changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from skipviz.access.keys import Keys
from skipviz.access.roles import COOKIE
from tests.browser.serving import Server, free_port, serving
from tests.browser.test_app import settled
from tests.browser.test_guests import _button
from tests.oidc_provider import CLIENT, SECRET, providing

ACCOUNTS = {
    "Ada": {"sub": "1815", "email": "Ada@Example.edu", "email_verified": True},
    "Grace": {"sub": "1906", "email": "grace@example.edu", "email_verified": True},
    "Somebody": {"sub": "7", "email": "ada@example.edu", "email_verified": False},
}


@dataclass
class Hall:
    """A server whose lecturers have accounts; to the browser it is another machine's.

    config   its skipviz.toml
    """

    server: Server
    url: str
    config: Path

    def lecturers(self, *entries: str) -> None:
        text = f"trust_local = false\nlecturers = {json.dumps(entries)}\n"
        self.config.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder, port = tmp_path_factory.mktemp("accounts"), free_port()
    url = f"http://hall.localhost:{port}"
    redirect, config, secrets = f"{url}/oauth2callback", folder / "skipviz.toml", folder / "s.toml"
    with providing(redirect, ACCOUNTS) as provider:
        secrets.write_text(
            f'[auth]\nredirect_uri = "{redirect}"\ncookie_secret = "of this test alone"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "{SECRET}"\n'
            f'server_metadata_url = "{provider.url}/.well-known/openid-configuration"\n',
            encoding="utf-8",
        )
        config.write_text('trust_local = false\nlecturers = ["ada@example.edu"]\n', "utf-8")
        runs = folder / "runs"
        runs.mkdir()
        given = {"SKIPVIZ_CONFIG": str(config), "SKIPVIZ_FUSED": "0", "SKIPVIZ_RUNNING": "1"}
        with serving(runs, f"--secrets.files={secrets}", port=port, **given) as server:
            yield Hall(server, url, config)


def _goes_to_the_provider(page: Page, hall: Hall, name: str) -> Locator:
    """A guest finds the lecturer's door on a page and the provider behind it: his account there."""
    page.goto(f"{hall.url}/lab")
    settled(page)
    page.get_by_role("link", name="Log in as the lecturer").click()
    page.get_by_role("link", name="Log in with your account").click()
    return page.get_by_role("link", name=name, exact=True)


def _logs_in(page: Page, hall: Hall, name: str) -> None:
    """… and comes back as the lecturer: until he has been at the door, the page stays empty."""
    _goes_to_the_provider(page, hall, name).click()
    expect(page.get_by_role("heading", name="What happens to a gradient")).to_be_visible()


def _is_lecturer(page: Page, hall: Hall) -> bool:
    page.goto(f"{hall.url}/lab")
    settled(page)
    return _button(page, "Train").count() == 1


def _cookies(page: Page) -> dict[str, str]:
    return {each["name"]: each["value"] for each in page.context.cookies()}  # type: ignore


def test_a_listed_account_is_the_lecturer_until_it_logs_out_is_revoked_or_taken_off_the_list(
    hall: Hall, new_page: Callable[..., Page]
) -> None:
    hall.lecturers("ada@example.edu")
    page = new_page()
    _logs_in(page, hall, "Ada")
    assert _is_lecturer(page, hall)
    cookie = _cookies(page)[COOKIE]
    log = (hall.server.runs / "server.log").read_text(encoding="utf-8")
    kept = Keys(hall.server.runs).path.read_text(encoding="utf-8").casefold()
    assert cookie not in log and cookie.casefold() not in kept
    assert "example.edu" not in log.casefold() and "example.edu" not in kept
    Keys(hall.server.runs).revoke()
    assert not _is_lecturer(page, hall), "what the provider said before counts once"
    assert "_streamlit_user" in _cookies(page)
    _logs_in(page, hall, "Ada")
    assert _is_lecturer(page, hall)
    hall.lecturers("sub:1906")
    assert not _is_lecturer(page, hall)
    _logs_in(page, hall, "Grace")
    assert _is_lecturer(page, hall)
    page.goto(f"{hall.url}/lecturer")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out")).to_be_visible()
    assert not {COOKIE, "_streamlit_user"} & set(_cookies(page))
    assert not _is_lecturer(page, hall)


@pytest.mark.parametrize("name", ["Grace", "Somebody"])
def test_an_account_that_is_not_listed_or_whose_address_is_unverified_stays_a_guest(
    hall: Hall, new_page: Callable[..., Page], name: str
) -> None:
    hall.lecturers("ada@example.edu")
    page = new_page()
    _goes_to_the_provider(page, hall, name).click()
    expect(page.get_by_text("which is no lecturer's account on this server")).to_be_visible()
    assert COOKIE not in _cookies(page) and not _is_lecturer(page, hall)
