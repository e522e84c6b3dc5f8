"""What the pipeline follows, as the local cloud has it: the repository or bucket that a push goes on to."""

from pipeline.local.lifecycle import LocalCloud
from pipeline.settings import Settings
from pipeline.source import CodeCommitSource, ConnectionSource, Source


def prepare(cloud: LocalCloud, settings: Settings) -> str:
    """Make what the source names, unless it is there; returns the name under which the local origin hands on pushes.

    On AWS somebody has made it before the pipeline is deployed.
    """
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


def branch_of(source: Source) -> str:
    """Return the branch that starts a run."""
    return source.branch if isinstance(source, ConnectionSource | CodeCommitSource) else "main"
