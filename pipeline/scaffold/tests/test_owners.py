"""Who answers for what is read from what each service says, however it says it."""

from pathlib import Path

import pytest

from pipeline.scaffold import owners
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError

SERVICE = (
    "class Payments(Service[PaymentsStack]):\n    name: ClassVar[str] = 'payments'\n    owner: ClassVar[str] = {}\n"
)


def service(draft: Draft, folder: str, owner: str, before: str = "") -> None:
    (draft.root / "services" / folder).mkdir()
    (draft.root / "services" / folder / "service.py").write_text(before + SERVICE.format(owner))


def test_an_owner_is_a_text_a_constant_or_one_of_the_overrides(draft: Draft) -> None:
    service(draft, "one", '"@example/one"')
    service(draft, "two", "OWNER", 'OWNER = "@example/two"\n')
    service(draft, "three", "overrides.OWNER")
    (draft.root / "services/three/overrides.py").write_text('OWNER = "@example/three"\n')
    draft.add(Path("services/four/service.py"), SERVICE.format('"@example/four"'))  # planned, and not there yet
    assert owners.read(draft) == {
        "four": "@example/four",
        "one": "@example/one",
        "three": "@example/three",
        "two": "@example/two",
    }


@pytest.mark.parametrize("owner", ["whoever()", "overrides.OWNER", "NOBODY"])
def test_an_owner_that_cannot_be_read_says_how_to_write_it(owner: str, draft: Draft) -> None:
    service(draft, "one", owner)
    with pytest.raises(ScaffoldError, match=r"services/one/service\.py says no owner that can be read: give it as"):
        owners.read(draft)


def test_the_last_rule_that_matches_is_the_services_own_and_each_is_one_line() -> None:
    lines = owners.codeowners({"a": "@example/a", "a_longer_name": "@example/b"}, "@example/platform").splitlines()
    assert lines[1:] == ["* @example/platform", "/services/a/ @example/a", "/services/a_longer_name/ @example/b"]
    assert lines[0].startswith("# Written by `penstock ledger`")
