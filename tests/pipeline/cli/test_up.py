"""What `penstock up` says once its run has ended."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from pipeline.cli import local
from pipeline.operate import outputs
from pipeline.operate.run import SUCCEEDED


def summary(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *deployed: Any) -> str:
    monkeypatch.setattr(outputs, "read", lambda _pipeline: list(deployed))
    monkeypatch.setattr("pipeline.cli.run.show_what_is_next", Mock())
    local._summary(Mock(), Mock(commit="17cfad04fdd8aa", status=SUCCEEDED, is_live=False), seconds=13.2)
    return capsys.readouterr().out


def test_up_names_the_next_step_of_a_platform_without_a_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after `penstock init`."""
    said = summary(monkeypatch, capsys)
    assert "17cfad04fdd8 deployed in 13 s:\n  no service yet." in said
    assert "penstock new service NAME" in said
    place = {"stage": "dev", "service": "payments", "account": "111111111111", "region": "eu-west-1", "outputs": {}}
    said = summary(monkeypatch, capsys, SimpleNamespace(**place))
    assert "  dev      payments     account 111111111111  eu-west-1\n" in said
    assert "new service" not in said
