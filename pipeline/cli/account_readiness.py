"""What each account on AWS lacks for a deployment, asked of AWS itself, reading only."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.accounts import role_names
from pipeline.accounts.deployed_policies import differing_statements, foundation_policies
from pipeline.accounts.execution_policies import FoundationParameters
from pipeline.catalogue.model import Catalogue, stages_of
from pipeline.cli import place_needs
from pipeline.cli.place_needs import PlaceNeeds
from pipeline.cli.readiness import OpenItem
from pipeline.operate.account_state import Account
from pipeline.operate.errors import OperateError
from pipeline.operate.target import Target
from pipeline.settings import SETTINGS
from pipeline.source import ConnectionSource
from services.library.contract.names import PLATFORM_BOUNDARY

EXECUTION_POLICY = "penstock-execution"
OLDEST_BOOTSTRAP = 8
"""Lookups need it: `MIN_LOOKUP_ROLE_BOOTSTRAP_STACK_VERSION` of aws-cdk-lib."""
UNRESERVED = 100
"""Executions that Lambda keeps for functions without any of their own:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html (read 2026-11-30)."""
QUEUED = 5
"""Builds that wait for each one that may run, before CodeBuild refuses more:
https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html (read 2026-11-30)."""
AVAILABLE = "AVAILABLE"
SERVICES = {"AWS::HealthLake::": "healthlake"}
"""Services that are not in every region, by the prefix of their types."""
BACKED_UP = ("AWS::Backup::BackupSelection", "AWS::DynamoDB::Table", "DynamoDB")
"""A template with the first two is about tables that AWS Backup must be told to back up, by their name there."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """An account and region that something is deployed to."""

    account: Account
    foundation: FoundationParameters
    needs: PlaceNeeds

    @property
    def title(self) -> str:
        """Return how a person finds it."""
        return f"account {self.account.account} {self.account.region}"


Check = Callable[[Place], Iterator[OpenItem]]


def left_to_do(root: Path, target: Target, catalogue: Catalogue, say: Callable[[str], None]) -> list[OpenItem]:
    """Return what is left in each account; what could not be asked is left, too."""
    needs = place_needs.of_last_synth(root)
    found = [] if needs else [_not_synthesised()]
    for place in _places(target, catalogue, needs):
        say(f"Asking {place.title}")
        for check in CHECKS:
            found += _asked(place, check)
    return found


def _places(target: Target, catalogue: Catalogue, needs: dict[tuple[str, str], PlaceNeeds]) -> Iterator[Place]:
    stages = list(stages_of(catalogue))
    environments = [stage.environment for stage in stages]
    keeping = {each.account for each in environments if each.keeps_data}
    names: dict[str, set[str]] = {SETTINGS.account: set(role_names.PIPELINE)}
    for stage in stages:
        here = {role_names.of_stage(stage.label), *stage.role_names}
        names.setdefault(stage.environment.account, set()).update(here)
    regions = {SETTINGS.region, *(each.region for each in environments)}
    wanted = {(SETTINGS.account, region) for region in regions}
    wanted |= {(each.account, each.region) for each in environments}
    for account, region in sorted(wanted, key=lambda each: (each[0] != SETTINGS.account, each)):
        yield Place(
            account=Account(target, account, region),
            foundation=FoundationParameters(
                holds_pipeline=account == SETTINGS.account,
                keeps_data=account in keeping,
                role_names=tuple(sorted(names[account])),
                qualifiers=(SETTINGS.bootstrap.qualifier,),
                boundary=SETTINGS.bootstrap.permissions_boundary,
            ),
            needs=needs.get((account, region), PlaceNeeds()),
        )


def _asked(place: Place, check: Check) -> Iterable[OpenItem]:
    try:
        return list(check(place))
    except (BotoCoreError, ClientError, OperateError) as error:
        what = (check.__doc__ or "").rstrip(".")
        return [
            OpenItem(
                file=place.title,
                field="",
                problem=f"could not be asked ({what}): {error}",
                remedy="Until AWS has answered, nobody knows. The lookup role and the profile may read this.",
            )
        ]


def _not_synthesised() -> OpenItem:
    return OpenItem(
        file=place_needs.ASSEMBLY,
        field="",
        problem="nothing was synthesised here, so quotas and regions were held against nothing",
        remedy="Run `make synth`, then this once more.",
    )


def bootstrap(place: Place) -> Iterator[OpenItem]:
    """The CDK's bootstrap and its policies."""
    version = place.account.bootstrap_version()
    if version is None or version < OLDEST_BOOTSTRAP:
        has = "has no bootstrap" if version is None else f"has version {version} of the bootstrap"
        yield OpenItem(
            file=place.title,
            field="",
            problem=f"{has} with the qualifier {SETTINGS.bootstrap.qualifier}; {OLDEST_BOOTSTRAP} or newer is needed",
            remedy="Run `cdk bootstrap` there, as step 2 of docs/aws.md shows.",
        )
        return
    policies = place.account.execution_policies()
    expected = [EXECUTION_POLICY, *SETTINGS.bootstrap.further_execution_policies]
    if sorted(policies) != sorted(expected):
        has = ", ".join(policies) or "no policy"
        yield OpenItem(
            file=place.title,
            field="",
            problem=f"CloudFormation deploys there with {has}, not {', '.join(expected)}",
            remedy="Run `cdk bootstrap` there once more, with the policies that step 2 of docs/aws.md names.",
        )


def foundation(place: Place) -> Iterator[OpenItem]:
    """The foundation's policies."""
    expected = foundation_policies(place.foundation)
    for name, document in expected.items():
        deployed = place.account.policy(name)
        is_organisations = name == place.foundation.boundary != PLATFORM_BOUNDARY
        differing = [] if deployed is None or is_organisations else differing_statements(deployed, document)
        if deployed is None or differing:
            differ = f"differs from the repository in {', '.join(differing)}" if differing else "is not there"
            yield OpenItem(
                file=place.title,
                field=name,
                problem=f"the policy {differ}",
                remedy="Deploy pipeline/accounts/foundation.yaml there once more, as step 2 of docs/aws.md shows.",
            )


def concurrency(place: Place) -> Iterator[OpenItem]:
    """Lambda's quota of executions at once."""
    reserved = place.needs.reserved_executions
    if place.needs.undecided_reservations:
        yield OpenItem(
            file=place.title,
            field="",
            problem=f"{place.needs.undecided_reservations} functions reserve a number of executions that only their"
            " deployment knows",
            remedy="Write the number into the template, or hold it against Lambda's quota yourself.",
        )
    if reserved and reserved + UNRESERVED > (limit := place.account.concurrent_executions()):
        yield OpenItem(
            file=place.title,
            field="",
            problem=f"Lambda runs {limit} functions at once, and services reserve {reserved} beside the {UNRESERVED}"
            " that Lambda keeps for others",
            remedy='Ask for more of "Concurrent executions" under Service Quotas, Lambda.',
        )


def builds(place: Place) -> Iterator[OpenItem]:
    """CodeBuild's quota of builds at once."""
    limits = place.account.concurrent_builds() if place.needs.builds_at_once else {}
    for environment, count in sorted(place.needs.builds_at_once.items()):
        limit = limits.get(environment)
        if limit is None or limit * (1 + QUEUED) < count:
            known = "has no quota that Service Quotas names" if limit is None else f"runs {limit:.0f} at once"
            yield OpenItem(
                file=place.title,
                field="",
                problem=f"the pipeline begins {count} builds at once on {environment}, which {known}",
                remedy=f'Ask for more of "Concurrently running builds for {environment} environment" under Service'
                " Quotas, AWS CodeBuild.",
            )


def connection(place: Place) -> Iterator[OpenItem]:
    """The connection to the repository."""
    source = SETTINGS.source
    if isinstance(source, ConnectionSource) and source.connection_arn.split(":")[3:5] == [
        place.account.region,
        place.account.account,
    ]:
        status = place.account.connection_status(source.connection_arn)
        if status != AVAILABLE:
            yield OpenItem(
                file="pipeline/settings.py",
                field="source.connection_arn",
                problem="there is no such connection" if status is None else f"the connection is {status}",
                remedy="Somebody has to confirm it in the console: Developer Tools, Settings, Connections.",
            )


def regional_services(place: Place) -> Iterator[OpenItem]:
    """Which services AWS has in the region."""
    for prefix, service in SERVICES.items():
        if any(each.startswith(prefix) for each in place.needs.types) and not place.account.offers(service):
            yield OpenItem(
                file=place.title,
                field="",
                problem=f"AWS has no {service} in this region",
                remedy="Choose another region for the stage, or leave the service out of it.",
            )


def backups(place: Place) -> Iterator[OpenItem]:
    """What AWS Backup backs up."""
    *types, name = BACKED_UP
    if place.needs.types.issuperset(types) and not place.account.backup_opt_ins().get(name, False):
        yield OpenItem(
            file=place.title,
            field="",
            problem=f"AWS Backup does not back up {name} in this region",
            remedy="Opt in under AWS Backup, Settings, Service opt-in.",
        )


def trails(place: Place) -> Iterator[OpenItem]:
    """The trail that tells of holds."""
    if place.foundation.holds_pipeline and place.account.region == SETTINGS.region and not place.account.is_trailed():
        yield OpenItem(
            file=place.title,
            field="",
            problem="no trail of CloudTrail logs changes here, so nobody is told when a stage is held or resumed",
            remedy="Make a trail with management events: EventBridge hears of API calls by one alone.",
        )


CHECKS: tuple[Check, ...] = (
    bootstrap,
    foundation,
    concurrency,
    builds,
    connection,
    regional_services,
    backups,
    trails,
)
