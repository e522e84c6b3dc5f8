"""cdk-nag's packs over a construct tree: one crossing into JavaScript for each pack, whatever the number of stacks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cdk_nag
from constructs import IConstruct

from services.library.guardrails.finding import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Pack:
    """One pack, and the stacks that it is for."""

    create: Callable[[], cdk_nag.NagPack]
    prefix: str
    only_personal_data: bool = False
    """Whether it is for services that handle personal data alone."""


PACKS = (
    Pack(create=cdk_nag.AwsSolutionsChecks, prefix="AwsSolutions-"),
    Pack(create=cdk_nag.ServerlessChecks, prefix="Serverless-"),
    Pack(create=cdk_nag.HIPAASecurityChecks, prefix="HIPAA.Security-", only_personal_data=True),
)


def findings(app: IConstruct) -> Iterator[tuple[Pack, Finding]]:
    """List everything that the packs find below the App, each with its construct's path.

    A pack's warnings count as much as its errors: one that nobody has to answer is one that nobody reads.
    """
    for pack in PACKS:
        for violation in pack.create().validate_scope(app).violations:
            for resource in violation.violating_resources:
                yield (
                    pack,
                    Finding(
                        rule=violation.rule_name,
                        path=resource.construct_path or "",
                        text=violation.description,
                        fix="Change the resource so that the rule holds.",
                        level=violation.severity or "error",
                    ),
                )


def is_nag_rule(rule: str) -> bool:
    """Say whether an id, with or without the CDK's prefix, is one of the packs'."""
    return rule.rpartition("::")[2].startswith(_PREFIXES) or rule.partition("::")[2].startswith(_PREFIXES)


_PREFIXES = tuple(pack.prefix for pack in PACKS)
