"""Which names are taken, and what follows from one."""

import pytest

from pipeline.scaffold import names
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.names import ServiceName, StageName


def test_a_service_has_a_folder_and_a_class_of_its_name() -> None:
    name = ServiceName(name="payments-api-2")
    assert (name.module, name.class_name, str(name.folder)) == (
        "payments_api_2",
        "PaymentsApi2",
        "services/payments_api_2",
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Payments",
        "payments_api",
        "1st",
        "pay--ments",
        "payments-",
        "-payments",
        "päyments",
        "a" * 25,
        "../x",
        "a b",
    ],
)
def test_what_is_no_name_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(
        ScaffoldError, match=r"is not allowed; give at most 24 of a-z, 0-9 and single hyphens"
    ) as refused:
        ServiceName(name=name)
    assert repr(name) in str(refused.value)


@pytest.mark.parametrize("name", ["library", "runtime", "tests", "datadog", "platform", "class", "none", "exception"])
def test_a_name_that_means_something_else_is_refused(name: str) -> None:
    with pytest.raises(ScaffoldError, match="it means something else here or in Python"):
        ServiceName(name=name)


def test_a_stage_has_a_file_and_a_constant_of_its_name() -> None:
    name = StageName(name="prod-eu")
    assert (str(name.file), name.constant) == ("stages/prod_eu.py", "PROD_EU")


@pytest.mark.parametrize("name", ["Prod", "prod_eu", "a" * 17, "removals", "assets", "branch-x", "branch", "import"])
def test_a_stage_is_not_called_like_one_of_the_pipelines_own_or_a_branchs(name: str) -> None:
    with pytest.raises(ScaffoldError, match=r"Stage name .* is not allowed"):
        StageName(name=name)


@pytest.mark.parametrize(
    ("check", "given"),
    [
        (names.check_owner, "payments"),
        (names.check_owner, "@example"),
        (names.check_account, "123"),
        (names.check_region, "Ireland"),
    ],
)
def test_a_value_is_refused_by_its_option(check: object, given: str) -> None:
    assert callable(check)
    with pytest.raises(ScaffoldError, match=rf"^--\w+ '{given}' is not allowed; give"):
        check(given)


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1", "ap-southeast-2"])
def test_regions_of_every_partition_are_regions(region: str) -> None:
    names.check_region(region)
