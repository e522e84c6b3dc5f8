"""Every role of this repository's stacks is called as its account's foundation expects."""

from fnmatch import fnmatchcase

from pipeline.accounts import role_names
from pipeline.catalogue.model import stages_of
from pipeline.settings import SETTINGS
from stages.catalogue import STAGES
from tests.conftest import Assembly
from tests.testbed.role_names import names_of_roles


def test_every_role_and_policy_that_we_deploy_is_called_as_its_account_expects(assembly: Assembly) -> None:
    """CloudFormation begins the name that it gives with the stack's."""
    stages = {
        each.environment.account: (role_names.of_stage(each.label), *each.role_names) for each in stages_of(STAGES)
    }
    named = list(names_of_roles(assembly))
    assert SETTINGS.account in {account for account, _ in named}
    for account, name in named:
        patterns = role_names.PIPELINE if account == SETTINGS.account else stages[account]
        assert any(fnmatchcase(name, pattern) for pattern in patterns), (account, name)
