"""What somebody makes on AWS before the pipeline is deployed, as the local cloud has it: source and builds' secrets."""

import json
import os
from collections import defaultdict

from pipeline.build_settings import INDEX_VARIABLE, SecretValue
from pipeline.local.lifecycle import LocalCloud
from pipeline.pipeline_settings import Settings
from pipeline.source import CodeCommitSource, ConnectionSource, Source
from pipeline.toolset.index import configured_index


def prepare(cloud: LocalCloud, settings: Settings) -> str:
    """Make what the settings name, unless it is there; returns the name under which the local origin hands on pushes.

    On AWS somebody has made it before the pipeline is deployed.
    """
    _make_secrets(cloud, settings)
    source = settings.source
    if isinstance(source, ConnectionSource):
        return source.repository
    if isinstance(source, CodeCommitSource):
        codecommit = cloud.client("codecommit", source.account, source.region)
        known = {each["repositoryName"] for each in codecommit.list_repositories()["repositories"]}
        if source.repository not in known:
            codecommit.create_repository(repositoryName=source.repository)
        return source.repository
    s3 = cloud.client("s3", settings.account, settings.region)
    if source.bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        # The oldest region is the one that is not named.
        place = {} if settings.region == "us-east-1" else {"LocationConstraint": settings.region}
        s3.create_bucket(Bucket=source.bucket, **({"CreateBucketConfiguration": place} if place else {}))
    # A source action takes the object by its version.
    s3.put_bucket_versioning(Bucket=source.bucket, VersioningConfiguration={"Status": "Enabled"})
    return f"s3://{source.bucket}/{source.key}"


def _make_secrets(cloud: LocalCloud, settings: Settings) -> None:
    """Make the secrets of builds with what this machine itself has: the company's stay where they are."""
    values: dict[SecretValue, str] = {
        each: configured_index() if name == INDEX_VARIABLE else os.environ.get(name, "")
        for name, each in settings.builds.environment.items()
        if isinstance(each, SecretValue)
    }
    secrets: dict[str, dict[str, str]] = defaultdict(dict)
    for each, value in values.items():
        secrets[each.name][each.key] = value
    for name, its in secrets.items():
        api = cloud.client("secretsmanager", settings.account, settings.region)
        if not api.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]:
            api.create_secret(Name=name, SecretString=json.dumps(its))


def branch_of(source: Source) -> str:
    """Return the branch that starts a run."""
    return source.branch if isinstance(source, ConnectionSource | CodeCommitSource) else "main"
