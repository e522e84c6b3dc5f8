"""What can be said of the pipeline: a company says it in pipeline/settings.py, which no upgrade changes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.build_settings import BuildSettings
from pipeline.source import CodeCommitSource, ConnectionSource, Source
from services.library.contract.names import PLATFORM_BOOTSTRAP, Bootstrap

PERSON = re.compile(r"arn:aws[a-z-]*:(sts::\d{12}:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+|iam::\d{12}:user/[!-~]+)")
"""How CodePipeline names who has answered: a role's session or a user, and never the role that somebody signs in to."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything about the pipeline that is not a stage."""

    name: str
    account: str
    region: str
    source: Source
    bootstrap: Bootstrap = PLATFORM_BOOTSTRAP
    """What `cdk bootstrap` made in each account. cdk.json has the same names, for the CDK."""
    builds: BuildSettings = field(default_factory=BuildSettings)
    """The network, proxy, package index and image of all builds: docs/company-network.md."""
    authors: Mapping[str, str] = field(default_factory=dict)
    """Email of each author -> ARN of whom they sign in as, who then may not approve what they wrote: docs/approve.md.
    Empty: anybody may who may approve."""

    def __post_init__(self) -> None:
        if isinstance(self.source, CodeCommitSource) and self.source.region != self.region:
            raise ValueError(
                f"Settings {self.name!r}: source.repository_arn={self.source.repository_arn!r} is not allowed;"
                f" a source action runs in the pipeline's own region, {self.region}."
            )
        if self.authors and not isinstance(self.source, ConnectionSource):
            raise ValueError(
                f"Settings {self.name!r}: authors is not allowed with a {type(self.source).__name__}, whose source"
                " action names no author; leave it out, or take a ConnectionSource."
            )

        for email, arn in self.authors.items():
            if not PERSON.fullmatch(arn):
                raise ValueError(
                    f"Settings {self.name!r}: authors[{email!r}]={arn!r} is not allowed, since CodePipeline says it of"
                    " nobody who approves; give arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, or"
                    " arn:aws:iam::ACCOUNT:user/NAME."
                )

    @property
    def source_account(self) -> str:
        """The account that the source action acts in."""
        return self.source.account if isinstance(self.source, CodeCommitSource) else self.account

    @property
    def reviews_pull_requests(self) -> bool:
        """Whether the pipeline's stack brings the review of pull requests: their host has no builds of its own."""
        return isinstance(self.source, CodeCommitSource) and self.source.account == self.account
