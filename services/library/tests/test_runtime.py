"""What handlers share: logs that personal data cannot get into, and configuration that fails at once and clearly."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from services.library.runtime.configuration import Configuration, ConfigurationError
from services.library.runtime.logging import SHOWS_EXCEPTION_TEXT, AllowedFields, logger_for

Line = dict[str, Any]


@pytest.fixture
def logged() -> Callable[[Callable[[Logger], object]], Line]:
    """Runs something with a logger that allows the field `submission`, and returns the line that it wrote."""

    def run(write: Callable[[Logger], object]) -> Line:
        stream = io.StringIO()
        logger = Logger(service="sample", stream=stream, logger_formatter=AllowedFields({"submission"}))
        logger.handlers[0].stream = stream  # type: ignore[attr-defined]  # a logger of this name may be there already
        logger.clear_state()
        write(logger)
        (line,) = stream.getvalue().splitlines()
        found: Line = json.loads(line)
        assert "Schmidt" not in line
        return found

    return run


Logged = Callable[[Callable[[Logger], object]], Line]


def test_declared_fields_are_written_and_others_only_by_name(logged: Logged) -> None:
    line = logged(lambda logger: logger.info("kept", extra={"submission": "s-1", "patient": "Schmidt"}))
    assert line["submission"] == "s-1"
    assert line["message"] == "kept"
    assert line["service"] == "sample"
    assert line["refused_fields"] == ["patient"]


def test_appended_keys_are_filtered_like_fields(logged: Logged) -> None:
    def write(logger: Logger) -> None:
        logger.append_keys(name="Schmidt")
        logger.warning("kept")

    assert logged(write)["refused_fields"] == ["name"]


def test_a_message_is_written_as_it_stands_in_the_code(logged: Logged) -> None:
    assert logged(lambda logger: logger.info("for %s", "Schmidt"))["message"] == "for %s"


@pytest.mark.parametrize("message", [{"patient": "Schmidt"}, '{"patient": "Schmidt"}'])
def test_logger_refuses_an_event_as_the_message(logged: Logged, message: object) -> None:
    line = logged(lambda logger: logger.info(message))
    assert line["refused_fields"] == ["refused_message"]
    assert "message" not in line


def test_an_exception_is_written_without_its_text(logged: Logged) -> None:
    def write(logger: Logger) -> None:
        try:
            raise ValueError("no such name: Schmidt")
        except ValueError:
            logger.exception("failed")

    line = logged(write)
    assert line["exception_name"] == "ValueError"
    (frame,) = line["frames"]
    assert frame.startswith("services/library/tests/test_runtime.py:"), "where it lies in the repository"
    assert frame.endswith(" write")


def test_of_the_frames_of_an_exception_ours_are_written_and_no_librarys(logged: Logged) -> None:
    def fail(value: object) -> object:
        raise TypeError(value)

    def write(logger: Logger) -> None:
        try:
            json.dumps({"name": Settings}, default=fail)
        except TypeError:
            logger.exception("failed")

    assert [each.rpartition(" ")[2] for each in logged(write)["frames"]] == ["write", "fail"]


@pytest.mark.parametrize("shows", [False, True])
def test_the_text_of_an_exception_is_written_where_no_personal_data_is(shows: bool) -> None:
    stream = io.StringIO()
    formatter = AllowedFields((), shows_exception_text=shows)
    logger = Logger(service="sandbox", stream=stream, logger_formatter=formatter)
    logger.handlers[0].stream = stream  # type: ignore[attr-defined]  # as above
    logger.handlers[0].setFormatter(formatter)
    try:
        raise ValueError("what it says")
    except ValueError:
        logger.exception("failed")
    assert json.loads(stream.getvalue()).get("exception_text") == ("what it says" if shows else None)


@pytest.mark.parametrize("value", ["true", "false", None])
def test_a_services_logger_shows_exceptions_if_its_function_is_told_to(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SHOWS_EXCEPTION_TEXT, raising=False)
    if value is not None:
        monkeypatch.setenv(SHOWS_EXCEPTION_TEXT, value)
    formatter = logger_for(f"told-{value}").registered_formatter
    assert isinstance(formatter, AllowedFields)
    assert formatter.shows_exception_text is (value == "true")


class Settings(Configuration):
    table_name: str
    attempts: int = 3


def test_configuration_comes_from_the_environment() -> None:
    found = Settings.from_environment({"TABLE_NAME": "t", "ATTEMPTS": "5", "OTHER": "x"})
    assert found == Settings(table_name="t", attempts=5)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, "TABLE_NAME: Field required"), ({"TABLE_NAME": "t", "ATTEMPTS": "secret"}, "ATTEMPTS: Input should be")],
)
def test_configuration_error_names_the_variable_without_its_value(variables: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment(variables)
    assert expected in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_the_shared_runtime_does_not_load_the_aws_sdk() -> None:
    # It costs a quarter of a second at each cold start, which a function that does not need it shall not pay.
    program = (
        "import sys, services.library.runtime.logging, services.library.runtime.configuration;"
        "print('botocore.session' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
