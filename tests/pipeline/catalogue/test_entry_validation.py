"""Entries and services that no stage file of the other tests makes: folders, overrides and names at their limits."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.catalogue.entry_validation import LONGEST_PARAMETER_NAME, problems_of_entry, problems_of_service
from pipeline.catalogue.problem import Problem
from pipeline.catalogue.source_location import SourceExpression
from services.library.contract.environment import Environment, Tier
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack
from tests.testbed.small import OrdersStack, Parcels, ParcelsStack

HERE = Environment(name="here", tier=Tier.SANDBOX, account="111111111111", region="eu-west-1")


def problems(service: Service[Any]) -> list[Problem]:
    return list(problems_of_entry(service, HERE, SourceExpression(file="stages/here.py")))


def for_parcels(stack: ParcelsStack, environment: Environment) -> None: ...
def for_orders(stack: OrdersStack, environment: Environment) -> None: ...
def for_text(stack: str, environment: Environment) -> None: ...
def for_any(stack: ServiceStack, environment: Environment) -> None: ...
def for_untyped(stack, environment): ...  # type: ignore[no-untyped-def]  # as a team may write it
def for_checkers(stack: "NowhereAtRunTime", environment: Environment) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - as said
def for_checkers_alone(stack: "NowhereAtRunTime") -> None: ...  # type: ignore[name-defined]  # noqa: F821 - as said


@pytest.mark.parametrize("override", [for_parcels, for_any, for_untyped, for_checkers])
def test_override_that_fits_its_stack_is_accepted(override: Callable[..., None]) -> None:
    assert problems(Parcels(override=override)) == []


@pytest.mark.parametrize(
    ("override", "given"),
    [
        (for_orders, "for_orders, which changes a OrdersStack"),
        (for_text, "for_text, which changes a str"),
        (for_checkers_alone, "for_checkers_alone(stack: 'NowhereAtRunTime')"),
        (max, "builtins.max, whose arguments Python does not say"),
        (ParcelsStack, "ParcelsStack"),
        (5, "5"),
    ],
)
def test_override_that_does_not_fit_or_cannot_be_read_is_refused(override: Any, given: str) -> None:
    (found,) = problems(Parcels(override=override))
    assert (found.field, found.allowed) == ("override", "a function of (ParcelsStack, Environment)")
    assert given in found.given


def test_override_of_a_stack_that_build_does_not_tell_need_only_be_a_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Parcels.build.__annotations__, "return", "OnlyForTypeCheckers")
    assert problems(Parcels(override=for_parcels)) == []
    (found,) = problems(Parcels(override=for_text))  # type: ignore[arg-type]  # what is refused
    assert (found.field, found.allowed) == ("override", "a function of (ServiceStack, Environment)")


@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, True)])
def test_offer_whose_parameter_name_is_too_long_for_aws_is_refused(
    more: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = LONGEST_PARAMETER_NAME - len("/penstock/here/parcels/")
    monkeypatch.setattr(Parcels, "offers", (Published(f"parcels/{'a' * (room + more)}"),))
    found = [each for each in problems(Parcels()) if each.field == "offers"]
    assert len(found) == refused
    assert all(f"its parameter's name has {LONGEST_PARAMETER_NAME + 1}" in each.allowed for each in found)


def test_service_whose_name_is_not_its_folders_is_refused() -> None:
    wrong = type("Wrong", (Parcels,), {"__module__": "services.parcel_post.service", "name": "parcels"})
    (found,) = problems_of_service(wrong)
    assert (found.file, found.field, found.given) == ("services/parcel_post/service.py", "name", "'parcels'")
    assert found.allowed == "parcel-post"
    right = type("Right", (Parcels,), {"__module__": "services.parcel_post.service", "name": "parcel-post"})
    assert list(problems_of_service(right)) == []
