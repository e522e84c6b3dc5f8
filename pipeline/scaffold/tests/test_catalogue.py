"""A stage more in the promotion order, and the constants that it needs."""

from pathlib import Path

import pytest

from pipeline.scaffold import catalogue
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.names import StageName
from pipeline.scaffold.stage_file import new_stage

CANARY = StageName(name="canary")
ACCOUNTS = '''"""The accounts."""

TOOLS = "999999999999"
DEV = "111111111111"
"""Where everything begins."""

TOOLS_REGION = "eu-west-1"
FIRST_REGION = "eu-west-1"

OTHER = frozenset({DEV})
'''
IMPORTS = '''"""Every stage, in promotion order."""

from pipeline.catalogue.model import Catalogue, Wave
from stages.dev import DEV
from stages.prod_eu import PROD_EU
from stages.prod_us import PROD_US

'''


@pytest.fixture
def stages(draft: Draft) -> Draft:
    (draft.root / "stages/accounts.py").write_text(ACCOUNTS)
    for name in ("dev", "prod-eu", "prod-us"):
        stage = StageName(name=name)
        content = new_stage(stage, tier="SANDBOX", account="DEV", region="FIRST_REGION")
        draft.add(stage.file, content)
    draft.apply(draft.changes())
    return Draft(root=draft.root)


@pytest.mark.parametrize(
    ("listed", "after", "then"),
    [
        ("(DEV, PROD_EU, PROD_US)", "dev", "(DEV, CANARY, PROD_EU, PROD_US)"),
        ("(DEV, PROD_EU, PROD_US)", "prod-us", "(DEV, PROD_EU, PROD_US, CANARY)"),
        (
            '(DEV, Wave(name="prod", stages=(PROD_EU, PROD_US)))',
            "dev",
            '(DEV, CANARY, Wave(name="prod", stages=(PROD_EU, PROD_US)))',
        ),
        (
            '(DEV, Wave(name="prod", stages=(PROD_EU, PROD_US)))',
            "prod-eu",
            '(DEV, Wave(name="prod", stages=(PROD_EU, PROD_US)), CANARY)',
        ),
        (
            '(Wave(name="prod", stages=(PROD_EU, PROD_US)), DEV)',
            "prod",
            '(Wave(name="prod", stages=(PROD_EU, PROD_US)), CANARY, DEV)',
        ),
        (
            "(\n    DEV,  # first\n    # then\n    PROD_EU,\n    PROD_US,\n)",
            "dev",
            "(\n    DEV,  # first\n    # then\n    CANARY,\n    PROD_EU,\n    PROD_US,\n)",
        ),
    ],
)
def test_a_stage_is_released_right_after_another_or_after_its_wave(
    listed: str, after: str, then: str, stages: Draft
) -> None:
    imports = IMPORTS if "Wave(" in listed else IMPORTS.replace(", Wave", "")
    (stages.root / catalogue.CATALOGUE).write_text(f"{imports}STAGES: Catalogue = {listed}\n")
    catalogue.add_stage(stages, CANARY, after=after)
    wanted = imports.replace("from stages.dev", "from stages.canary import CANARY\nfrom stages.dev")
    assert stages.read(catalogue.CATALOGUE) == f"{wanted}STAGES: Catalogue = {then}\n"


@pytest.mark.parametrize("listed", ["tuple((DEV, PROD_EU, PROD_US))", "(*(DEV, PROD_EU), PROD_US)"])
def test_a_catalogue_that_cannot_be_edited_safely_says_what_to_add(listed: str, stages: Draft) -> None:
    (stages.root / catalogue.CATALOGUE).write_text(f"{IMPORTS.replace(', Wave', '')}STAGES: Catalogue = {listed}\n")
    with pytest.raises(
        ScaffoldError, match=r"add `from stages\.canary import CANARY` and list CANARY after dev by hand"
    ):
        catalogue.add_stage(stages, CANARY, after="dev")


def test_an_account_and_a_region_are_named_once(stages: Draft) -> None:
    assert catalogue.account_constant(stages, CANARY, "111111111111") == "DEV"
    assert catalogue.account_constant(stages, CANARY, "DEV") == "DEV"
    assert catalogue.region_constant(stages, CANARY, "eu-west-1") == "FIRST_REGION"
    assert catalogue.region_constant(stages, CANARY, "FIRST_REGION") == "FIRST_REGION"
    assert stages.changes() == []


def test_a_new_account_and_region_get_constants_beside_the_others(stages: Draft) -> None:
    assert catalogue.account_constant(stages, CANARY, "555555555555") == "CANARY"
    assert catalogue.region_constant(stages, CANARY, "us-east-1") == "CANARY_REGION"
    assert stages.read(Path("stages/accounts.py")) == ACCOUNTS.replace(
        '"""Where everything begins."""\n', '"""Where everything begins."""\nCANARY = "555555555555"\n'
    ).replace('FIRST_REGION = "eu-west-1"\n', 'FIRST_REGION = "eu-west-1"\nCANARY_REGION = "us-east-1"\n')


def test_a_constant_is_never_given_another_value(stages: Draft) -> None:
    with pytest.raises(ScaffoldError, match=r"--account '555555555555': stages/accounts\.py has DEV = '111111111111'"):
        catalogue.account_constant(stages, StageName(name="dev"), "555555555555")
