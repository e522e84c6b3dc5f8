"""How a synth ends: at a team's mistake with a sentence and its line, at the platform's own with a traceback."""

import subprocess
from pathlib import Path

import pytest

from pipeline.catalogue.error_reporting import SETTING, problem_of, report_errors
from pipeline.catalogue.problem import MistakeError
from tests.conftest import ROOT, clean_environment

APP = """
from pipeline.catalogue.error_reporting import report_errors

with report_errors():
    from services.sample.service import build

    build()
"""
SAMPLE = """
from services.library.sample import broken, refuses
{imports}

def build() -> None:
    {line}
"""
LIBRARY = """
def refuses() -> None:
    raise ValueError("Queue: size=0 is not allowed; give 1 or more.")


def takes(*, size: int) -> None:
    pass


def broken() -> None:
    {}["nothing"]
"""


def end_of(folder: Path, line: str, *, imports: str = "") -> subprocess.CompletedProcess[str]:
    """A synth of a service whose `build` is this line, in a checkout of its own."""
    for name in ("services/library", "services/sample", "stages"):
        (folder / name).mkdir(parents=True)
    for file in (ROOT / "stages").glob("*.py"):
        (folder / "stages" / file.name).write_text(file.read_text())
    for entry in (ROOT / "services/library").iterdir():
        (folder / "services/library" / entry.name).symlink_to(entry)
    for service in ("ingest", "intake", "enrichment", "records"):
        (folder / "services" / service).symlink_to(ROOT / "services" / service)
    (folder / "pipeline").symlink_to(ROOT / "pipeline")
    (folder / "services/library/sample.py").write_text(LIBRARY)
    (folder / "services/sample/service.py").write_text(SAMPLE.format(line=line, imports=imports))
    (folder / "app.py").write_text(APP)
    return subprocess.run(
        [ROOT / ".venv/bin/python", "app.py"],
        cwd=folder,
        env={**clean_environment(), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "imports", "said"),
    [
        ("refuses()", "", "services/sample/service.py:6:5: Queue: size=0 is not allowed; give 1 or more.\n"),
        ("refuses(5)", "", "services/sample/service.py:6:13: TypeError: refuses() takes 0 positional arguments but 1 "),
        ("cdk.Duration.days(-1)", "import aws_cdk as cdk", "services/sample/service.py:6: "),
        (
            "takes()",
            "from services.library.sample import takes",
            "services/sample/service.py:6:5: takes needs size; it has size.\n",
        ),
        ("(lambda *, size: size)()", "", "services/sample/service.py:6:5: lambda *, size: size needs size.\n"),
        ("len(5)", "", "services/sample/service.py:6: TypeError: object of type 'int' has no len()\n"),
        ("pass", "from stages.prod import NOTHING", "services/sample/service.py:3: ImportError: cannot import name "),
        ("pass pass", "", "services/sample/service.py:6:10: invalid syntax: pass pass\n"),
    ],
)
@pytest.mark.slow
def test_synth_reports_a_teams_error_with_its_line(line: str, imports: str, said: str, tmp_path: Path) -> None:
    done = end_of(tmp_path, line, imports=imports)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert done.stderr.startswith(said)


@pytest.mark.slow
def test_synth_keeps_the_traceback_of_a_platform_error(tmp_path: Path) -> None:
    done = end_of(tmp_path, "broken()")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'nothing'" in done.stderr


def test_synth_ends_with_the_sentence_of_a_mistake() -> None:
    with pytest.raises(SystemExit, match=r"stages/dev\.py:3: give another name\."), report_errors():
        raise MistakeError("stages/dev.py:3: give another name.")


def test_synth_keeps_an_error_that_met_no_teams_line() -> None:
    with pytest.raises(KeyError) as found, report_errors():
        raise KeyError("nothing")
    assert problem_of(found.value) is None


@pytest.mark.parametrize("field", ["rate_limit", "variables['SIZE']", "after[0].path", "detail_types[1]"])
def test_a_refused_value_names_its_field(field: str) -> None:
    found = SETTING.search(f"ApiSettings: {field}='a=b' is not allowed; give 1 to 5: it counts.")
    assert found is not None
    assert (found["field"], found["given"], found["allowed"]) == (field, "'a=b'", "1 to 5: it counts")
