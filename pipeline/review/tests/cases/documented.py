"""A case that points to a page of AWS's: two templates, and what the review must say because of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.review.diff.data_classes import page as page_of

Json = Any
DOCS = "https://docs.aws.amazon.com"


class Subject(StrEnum):
    """What a case is about: each part of what the review promises has cases of its own."""

    TYPE = "what a type holds"
    CONDITIONAL = "an update that replaces by a condition"
    REFUSED = "an update that the service refuses"
    IN_PLACE = "an update in place"
    EXPIRY = "data that are kept for less time"
    RECOVERY = "a way back that ends"
    SECRET = "a secret with another value"
    ENCRYPTION = "a key that others share"
    ROLE = "who something runs as"
    SIGN_IN = "how somebody gets in"
    ENDPOINT = "what is reached from outside"
    SHARE = "what is shared with others"
    POLICY = "what a policy means"
    UNREAD = "what cannot be read"


@dataclass(frozen=True, kw_only=True)
class DocumentedCase:
    """Two templates, and the rules of which findings there must be."""

    id: str
    subject: Subject
    page: str
    old: Json
    new: Json
    rules: frozenset[str]
    """Each of these; none at all if it is empty and the review is complete."""
    is_complete: bool = True
    confirmed: str = ""
    """Where AWS's own text was read that says so; empty if it was not."""


def said(
    subject: Subject, id_: str, type_: str, old: Json, new: Json, *rules: str, page: str = "", **attributes: Json
) -> DocumentedCase:
    """A change of one resource's properties. `attributes`: of the new side's resource, such as its UpdatePolicy."""
    name = type_ if "::" in type_.partition("::")[2] else f"AWS::{type_}"
    return between(
        subject,
        id_,
        {"A": {"Type": name, "Properties": old}},
        {"A": {"Type": name, "Properties": new, **attributes}},
        *rules,
        page=page or page_of(name),
    )


def between(
    subject: Subject,
    id_: str,
    old: Mapping[str, Json],
    new: Mapping[str, Json],
    *rules: str,
    page: str,
    is_complete: bool = True,
) -> DocumentedCase:
    """A change of a template's resources, beside a topic that stays."""
    beside = {"Beside": {"Type": "AWS::SNS::Topic"}}
    return DocumentedCase(
        id=id_,
        subject=subject,
        page=page,
        old={"Resources": {**beside, **old}},
        new={"Resources": {**beside, **new}},
        rules=frozenset(f"Review-{rule}" for rule in rules),
        is_complete=is_complete,
    )


def removed(rule: str, *types: str) -> tuple[DocumentedCase, ...]:
    """Resources that leave the template, each as its type's page has it."""
    return tuple(
        between(
            Subject.TYPE,
            f"{type_} removed",
            {"A": {"Type": f"AWS::{type_}"}},
            {},
            *([rule] if rule else []),
            page=page_of(f"AWS::{type_}"),
        )
        for type_ in types
    )
