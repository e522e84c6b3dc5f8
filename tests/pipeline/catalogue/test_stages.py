"""The catalogue: everything wrong with it is found at once, and said with the file to change."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from pipeline.catalogue.model import Stage, Wave, stages_of
from pipeline.catalogue.validation import InvalidCatalogueError, check, problems_of
from pipeline.definition.service_stage import ServiceStage
from services.library.contract.environment import Environment, Tier
from services.library.contract.network import Network
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack
from stages import accounts
from stages.catalogue import STAGES

HERE = Environment(name="here", tier=Tier.SANDBOX, account="111111111111", region="eu-west-1")
TOPIC = Published("giver/topic")


class TinyStack(ServiceStack):
    """One parameter, and what the service offers and needs."""

    def __init__(self, scope: Construct, service: "Tiny", environment: Environment) -> None:
        super().__init__(scope, service.name, environment=environment, description="tiny")
        self.parameter = ssm.StringParameter(self, "Parameter", string_value="value")
        for offer in service.offers:
            offer.offer(self, environment, self.parameter.parameter_name)
        for need in service.needs:
            cdk.CfnOutput(self, "Read", value=need.read(self, environment))


@dataclass(frozen=True, kw_only=True)
class Tiny(Service[TinyStack]):
    """A double for services."""

    name: ClassVar[str] = "tiny"
    owner: ClassVar[str] = "@example/tiny"
    handles_personal_data: ClassVar[bool] = False

    def build(self, scope: Construct, environment: Environment) -> TinyStack:
        return TinyStack(scope, self, environment)


class Giver(Tiny):
    name: ClassVar[str] = "giver"
    offers: ClassVar[tuple[Published, ...]] = (TOPIC,)


class Rival(Tiny):
    name: ClassVar[str] = "rival"
    offers: ClassVar[tuple[Published, ...]] = (TOPIC,)


class Taker(Tiny):
    name: ClassVar[str] = "taker"
    needs: ClassVar[tuple[Published, ...]] = (TOPIC,)


class Ouroboros(Tiny):
    name: ClassVar[str] = "ouroboros"
    offers: ClassVar[tuple[Published, ...]] = (TOPIC,)
    needs: ClassVar[tuple[Published, ...]] = (TOPIC,)


def stage(*services: Tiny, name: str = "here") -> Stage:
    return Stage(environment=replace(HERE, name=name), services=services)


def test_the_catalogue_itself_is_valid() -> None:
    check(STAGES)


def test_stages_lie_in_accounts_of_their_own_over_two_regions() -> None:
    environments = {each.name: each.environment for each in stages_of(STAGES)}
    ours = [environments[name] for name in ("dev", "qa", "staging", "prod")]
    assert len({each.account for each in ours} | {accounts.TOOLS}) == 5
    assert {each.region for each in ours} == {accounts.FIRST_REGION, accounts.SECOND_REGION}


@pytest.mark.parametrize(
    ("catalogue", "said"),
    [
        ((stage(Tiny(), Tiny()),), "stages/here.py: services lists 'tiny' twice"),
        ((stage(Taker()),), "taker needs 'giver/topic', which no service of this stage offers"),
        ((stage(Giver(), Rival()),), "'giver/topic' is offered twice, by giver, rival"),
        ((stage(Ouroboros()),), "these services need each other in a circle: ouroboros -> ouroboros"),
        ((stage(), stage()), "'here' names two stages or waves"),
        ((Wave(name="here", stages=(stage(),)),), "'here' names two stages or waves"),
        ((Wave(name="Assets", stages=(stage(),)),), "Wave name='Assets' is not allowed; give 1-16 of a-z"),
        ((Wave(name="empty", stages=()),), "wave 'empty' has no stages"),
        ((Wave(name="removals", stages=(stage(),)),), "Wave name='removals' is not allowed; the pipeline has a stage"),
        ((stage(name="source"),), "stages/source.py: name='source' is not allowed; the pipeline has a stage"),
        ((stage(name="branch-x"),), "name='branch-x' is not allowed; branch- begins the names of branch"),
        ((stage(name="branch"),), "name='branch' is not allowed; branch- begins the names of branch"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_file(catalogue: tuple[Stage | Wave, ...], said: str) -> None:
    assert any(said in str(problem) for problem in problems_of(catalogue)), list(problems_of(catalogue))


def test_all_mistakes_are_said_at_once() -> None:
    with pytest.raises(InvalidCatalogueError) as refused:
        check((stage(Tiny(), Tiny(), Taker()), stage(name="there"), stage(name="there")))
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: replace(HERE, account="123"), "account='123' is not allowed; give 12 digits"),
        (lambda: replace(HERE, region="Ireland"), "region='Ireland' is not allowed"),
        (lambda: replace(HERE, name="Production!"), "name='Production!' is not allowed"),
        (lambda: replace(HERE, prefix="-x"), "prefix='-x' is not allowed"),
        (lambda: Published("topic"), "give service/value"),
        (lambda: Network(vpc_id="prod", availability_zones=(), private_subnet_ids=()), "vpc_id='prod'"),
        (lambda: Network(vpc_id="vpc-1", availability_zones=("a",), private_subnet_ids=()), "give one for each"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_where_it_stands(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=r"not allowed|give") as refused:
        make()
    assert said in str(refused.value)


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", "ap-southeast-2"])
def test_regions_of_every_partition_are_values(region: str) -> None:
    assert replace(HERE, region=region).region == region


def test_production_asks_for_approval_unless_its_stage_says_otherwise() -> None:
    production = Stage(environment=replace(HERE, tier=Tier.PRODUCTION), services=())
    assert production.asks_approval
    assert not replace(production, approval=False).asks_approval
    assert not stage().asks_approval


@pytest.mark.parametrize(("first", "refused"), [((Tiny(),), []), ((), ["approval"])])
def test_production_without_services_agrees_to_nothing_behind_it(first: tuple[Tiny, ...], refused: list[str]) -> None:
    """The second stage need not ask where the first does; with its last service that one stops asking."""
    one, two = (
        Stage(environment=replace(HERE, name=name, tier=Tier.PRODUCTION), services=()) for name in ("one", "two")
    )
    catalogue = replace(one, services=first), replace(two, services=(Tiny(),), approval=False)
    assert [each.field for each in problems_of(catalogue)] == refused


def test_a_prefix_makes_a_stages_names_its_own() -> None:
    environment = replace(HERE, prefix="mine")
    assert environment.label == "mine-here"
    assert TOPIC.parameter_name(environment) == "/penstock/mine-here/giver/topic"


def test_a_service_is_deployed_after_the_one_that_offers_what_it_needs() -> None:
    built = ServiceStage(cdk.App(), stage(Taker(), Giver()))
    assert built.stacks["giver"] in built.stacks["taker"].dependencies
    read = assertions.Template.from_stack(built.stacks["taker"])
    # A parameter of an SSM type is looked up at each deployment; a {{resolve:ssm:...}} is not.
    read.has_parameter("*", {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/penstock/here/giver/topic"})


def test_every_resource_says_whose_it_is() -> None:
    built = ServiceStage(cdk.App(), stage(Tiny()))
    assertions.Template.from_stack(built.stacks["tiny"]).has_resource_properties(
        "AWS::SSM::Parameter",
        {
            "Tags": {
                "penstock:environment": "here",
                "penstock:owner": "@example/tiny",
                "penstock:service": "tiny",
            }
        },
    )


def test_an_override_changes_the_finished_stack_and_is_named_in_it() -> None:
    def speak_louder(stack: TinyStack, environment: Environment) -> None:
        stack.parameter.node.default_child.add_property_override("Value", environment.name)  # type: ignore[union-attr]  # the L1 below it

    built = ServiceStage(cdk.App(), stage(Tiny(override=speak_louder)))
    made = assertions.Template.from_stack(built.stacks["tiny"])
    made.has_resource_properties("AWS::SSM::Parameter", {"Value": "here"})
    assert made.to_json()["Metadata"]["Override"].endswith("speak_louder")


def test_a_network_is_values_and_needs_no_lookup() -> None:
    stack = cdk.Stack(cdk.App(), "Stack", env=HERE.to_cdk())
    network = Network(vpc_id="vpc-1", availability_zones=("eu-west-1a",), private_subnet_ids=("subnet-1",))
    assert [subnet.subnet_id for subnet in network.vpc(stack, "Network").private_subnets] == ["subnet-1"]
