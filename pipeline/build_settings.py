"""What all builds of the pipeline have in common in a company's network: one value in pipeline/settings.py.

Data alone, and without the CDK, as source.py. docs/company-network.md says how each is used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from services.library.contract.constraints import Items, Matches, validate_fields

URL = Matches(
    r"https?://[^\s/@?#]+(/[^\s?#]*)?",
    "a URL such as https://packages.example.com/simple; what has a user and password in it is a SecretValue",
)
SECRET_NAME = Matches(r"[A-Za-z0-9/_+=.@-]{1,512}", "a secret's name: 1-512 letters, digits and /_+=.@-")
KEY_ARN = Matches(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", "arn:aws:kms:REGION:ACCOUNT:key/ID")
JSON_KEY = Matches(r"[A-Za-z0-9_.-]+", "a key of the secret's JSON, of letters, digits, _, . and -")
IMAGE = Matches(r"[a-z0-9][a-z0-9._/:@-]*", "an image such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com/builds:1")
VPC = Matches(r"vpc-[0-9a-f]{8,17}", "a VPC's id, vpc-...")
SUBNET = Matches(r"subnet-[0-9a-f]{8,17}", "a subnet's id, subnet-...")
SECURITY_GROUP = Matches(r"sg-[0-9a-f]{8,17}", "a security group's id, sg-...")
HOST = Matches(r"[^\s,:/]+", "a host, a domain such as .example.com, or an address, without a port")
VARIABLE = Matches(
    r"(?!CODEBUILD_|AWS_|PENSTOCK_)[A-Za-z_][A-Za-z0-9_]*",
    "names of letters, digits and _, that begin with none of CODEBUILD_, AWS_ and PENSTOCK_",
)

INDEX_VARIABLE = "PIP_INDEX_URL"
REGISTRY_VARIABLE, TOKEN_VARIABLE = "NPM_CONFIG_REGISTRY", "NPM_TOKEN"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
NO_PROXY_VARIABLES = ("NO_PROXY", "no_proxy")
NEVER_BY_PROXY = ("127.0.0.1", "localhost", "169.254.169.254", "169.254.170.2")
"""This machine, and where a build has its own credentials from."""
OF_AWS = (".amazonaws.com", ".amazonaws.com.cn")
CURATED = "aws/codebuild/"
"""What the names of CodeBuild's own images begin with."""
REGISTRY_OF_AWS = ".dkr.ecr."


@dataclass(frozen=True, kw_only=True)
class SecretValue:
    """One key of a secret in Secrets Manager, which a build reads when it begins, and its log does not show."""

    name: Annotated[str, SECRET_NAME]
    """Of a secret of the tools account, in the pipeline's region."""
    key: Annotated[str, JSON_KEY]
    """Of the JSON object that the secret holds."""
    kms_key_arn: Annotated[str | None, KEY_ARN] = None
    """The key that the secret is encrypted with, where it is not the account's aws/secretsmanager."""

    def __post_init__(self) -> None:
        _require_valid(self)


Address = Annotated[str, URL] | SecretValue


@dataclass(frozen=True, kw_only=True)
class Vpc:
    """The network that builds run in: private subnets, whose only way out is the company's."""

    vpc_id: Annotated[str, VPC]
    subnet_ids: Annotated[tuple[Annotated[str, SUBNET], ...], Items(1, 16)]
    security_group_ids: Annotated[tuple[Annotated[str, SECURITY_GROUP], ...], Items(1, 5)]

    def __post_init__(self) -> None:
        _require_valid(self)


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """The way out of the network for HTTP and HTTPS."""

    url: Address
    """http://proxy.example.com:3128; as a secret, with user and password."""
    no_proxy: tuple[Annotated[str, HOST], ...] = ()
    """What is reached without it, besides the build's own machine."""
    reaches_aws: bool = False
    """Whether AWS's APIs are reached by it, too. False: by endpoints of the VPC, or a NAT gateway."""

    def __post_init__(self) -> None:
        _require_valid(self)

    @property
    def hosts_without(self) -> str:
        """What a build has as NO_PROXY."""
        return ",".join((*NEVER_BY_PROXY, *(() if self.reaches_aws else OF_AWS), *self.no_proxy))


@dataclass(frozen=True, kw_only=True)
class NpmRegistry:
    """Where npm takes the CDK's command-line tools from."""

    url: Annotated[str, URL]
    token: SecretValue | None = None

    def __post_init__(self) -> None:
        _require_valid(self)


@dataclass(frozen=True, kw_only=True)
class BuildImage:
    """A build image of the company's own: with python3 (3.11 or newer, and boto3), Node and npm, git and make."""

    name: Annotated[str, IMAGE]
    credentials: Annotated[str | None, SECRET_NAME] = None
    """The name of a secret with `username` and `password`, for a registry that is neither ECR nor open to all."""

    def __post_init__(self) -> None:
        _require_valid(self)

    @property
    def is_curated(self) -> bool:
        """Whether it is CodeBuild's own, which takes `runtime-versions`."""
        return self.name.startswith(CURATED)

    def ecr_repository_arn(self, partition: str) -> str | None:
        """Return the repository in ECR that builds pull it from, if it is there."""
        host, _, path = self.name.partition("/")
        if REGISTRY_OF_AWS not in host:
            return None
        account, _, rest = host.partition(REGISTRY_OF_AWS)
        repository = path.partition("@")[0].partition(":")[0]
        return f"arn:{partition}:ecr:{rest.partition('.')[0]}:{account}:repository/{repository}"


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """What every CodeBuild project of the pipeline gets. What is not set stays as AWS has it."""

    image: BuildImage | None = None
    vpc: Vpc | None = None
    proxy: Proxy | None = None
    package_index: Address | None = None
    """Python's: what pip takes as index-url."""
    npm_registry: NpmRegistry | None = None
    variables: Mapping[Annotated[str, VARIABLE], str | SecretValue] = field(default_factory=dict)
    """More environment variables, such as the file of a certificate authority that the image has."""

    def __post_init__(self) -> None:
        _require_valid(self)
        for name in self.variables.keys() & dict(self._named()).keys():
            raise ValueError(
                f"BuildSettings: variables[{name!r}]={self.variables[name]!r} is not allowed; give what sets {name}"
                " in the field for it: proxy, package_index or npm_registry."
            )

    @property
    def environment(self) -> dict[str, str | SecretValue]:
        """Every variable that a build gets of these settings."""
        return {**dict(self._named()), **self.variables}

    @property
    def secrets(self) -> tuple[SecretValue, ...]:
        """All variables' values that are read from Secrets Manager."""
        return tuple(each for each in self.environment.values() if isinstance(each, SecretValue))

    def _named(self) -> Iterator[tuple[str, str | SecretValue]]:
        if self.proxy is not None:
            yield from ((name, self.proxy.url) for name in PROXY_VARIABLES)
            yield from ((name, self.proxy.hosts_without) for name in NO_PROXY_VARIABLES)
        if self.package_index is not None:
            yield INDEX_VARIABLE, self.package_index
        if self.npm_registry is not None:
            yield REGISTRY_VARIABLE, self.npm_registry.url
            if self.npm_registry.token is not None:
                yield TOKEN_VARIABLE, self.npm_registry.token


def _require_valid(value: object) -> None:
    for found in validate_fields(value):
        raise ValueError(f"{type(value).__name__}: {found.sentence}")
