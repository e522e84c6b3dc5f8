"""The fields of the catalogue's services: a wrong value of any is said with its line, field and what is allowed."""

from pathlib import Path

from pipeline.catalogue.model import stages_of
from stages.catalogue import STAGES
from tests.testbed.stage_files import of_service, platform, said_of, shown, validate


def test_validate_reports_each_wrong_setting_of_every_service(tmp_path: Path) -> None:
    services = dict.fromkeys(type(each) for stage in stages_of(STAGES) for each in stage.services)
    mistakes = {
        f"b{number}": made for number, made in enumerate(made for each in services for made in of_service(each))
    }
    code, found = validate(platform(tmp_path, {name: made.text for name, made in mistakes.items()}))
    assert code == (1 if mistakes else 0)
    unsaid = [
        (made.text, made.field, made.given)
        for name, made in mistakes.items()
        if not said_of(shown(made), [each for each in found if each["file"] == f"stages/{name}.py"])
    ]
    assert unsaid == []
