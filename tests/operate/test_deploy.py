"""The files of deploy/ say what there is: commands that parse, settings that are known."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from skipviz.access import settings
from skipviz.access.settings import Settings
from skipviz.cli.main import parse

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
SERVICE = (DEPLOY / "skipviz.service").read_text(encoding="utf-8")
NAMES = {f"SKIPVIZ_{each.name.upper()}" for each in fields(Settings)} | {
    "SKIPVIZ_RUNS", "SKIPVIZ_CACHE", "SKIPVIZ_CONFIG", "SKIPVIZ_RUNNING", "SKIPVIZ_DATA",
}  # fmt: skip


def _commands() -> list[list[str]]:
    in_service = re.findall(r"^ExecStart=(.*)$", SERVICE, re.MULTILINE)
    in_container = re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)
    return [*map(shlex.split, in_service), *map(json.loads, in_container)]


@pytest.mark.parametrize("command", _commands(), ids=lambda command: command[0])
def test_what_is_started_is_a_command_of_ours(command: list[str]) -> None:
    assert command[0].rpartition("/")[2] == "skipviz"
    assert parse(command[1:]).no_browser


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "skipviz.service"])
def test_every_setting_is_known(name: str) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    assert set(re.findall(r"\bSKIPVIZ_[A-Z_]+", text)) <= NAMES


def test_the_settings_of_the_example_are_read_and_trust_nobody_for_where_he_is() -> None:
    example = settings.load({"SKIPVIZ_CONFIG": str(DEPLOY / "skipviz.toml")})
    assert not example.trust_local
    lines = (DEPLOY / "skipviz.toml").read_text(encoding="utf-8").splitlines()
    names = {line.lstrip("# ").partition(" ")[0] for line in lines if " = " in line}
    assert names <= {each.name for each in fields(Settings)}
    assert "SKIPVIZ_TRUST_LOCAL=0" in DOCKERFILE


def test_compose_builds_what_it_runs_and_gives_it_time_to_leave() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"skipviz", "skipviz-cuda"}
    for service in services.values():
        assert (DEPLOY / ".." / service["build"]["dockerfile"]).is_file()
        assert service["stop_grace_period"] == "30s"
        named = {text.partition("=")[0] for text in service["environment"]}
        assert named <= NAMES


def test_healthcheck_asks_what_the_server_answers() -> None:
    assert "/healthz" in DOCKERFILE and "EXPOSE 8501" in DOCKERFILE and "--port=8501" in DOCKERFILE
