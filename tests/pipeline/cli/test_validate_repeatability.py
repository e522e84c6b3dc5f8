"""`penstock validate` names what in the stages is another value each time that it is read."""

from pathlib import Path

from pipeline.catalogue.ledger import shipped_by, text_of
from services.library.contract.environment import Environment, Tier
from tests.testbed.stage_files import SERVICES, platform, stage_file, validate

ONE = Environment(name="one", tier=Tier.SANDBOX, account="111111111111", region="eu-west-1")
NOTE = "  note=f'Release of {dt.datetime.now()}',"


def test_a_value_by_the_clock_is_named_at_its_line(tmp_path: Path) -> None:
    step = f"Approval(name='Sign',\n{NOTE}\n )"
    text = stage_file(imports=f"{SERVICES}import datetime as dt\n", services=f"One(before=({step},),),")
    root = platform(tmp_path, {"one": text})
    (root / "stages/deployed.json").write_text(text_of([shipped_by(ONE, "one")]))
    code, (problem,) = validate(root)
    assert code == 1
    assert (problem["file"], problem["line"]) == ("stages/one.py", 1 + text.splitlines().index(NOTE))
    assert problem["field"] == "services[0].before[0].note"
    assert "Release of" in problem["given"]
    assert "give a value that depends on the commit alone" in problem["message"]
