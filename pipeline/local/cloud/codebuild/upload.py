"""Takes a build's artifacts to S3.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectArtifacts.html
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.local.cloud.codebuild.artifacts import ArtifactError, pack, select
from pipeline.local.cloud.codebuild.buildspec import Buildspec, Output
from pipeline.local.cloud.codebuild.plan import Destination
from pipeline.local.cloud.codebuild.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Uploads what a buildspec declares to where a plan wants it."""

    buildspec: Buildspec
    workspace: Workspace
    s3: Any
    build_arn: str
    expand: Callable[[str], str]
    """The value of a text in the shell command language, for artifact names."""
    say: Callable[[str], None]

    def __call__(self, destination: Destination) -> dict[str, str]:
        """Upload one artifact; where it is now, as a build's record says it."""
        output = self._output(destination)
        files = select(self.workspace.source, output)
        bucket, key = destination.artifact.bucket, destination.artifact.key
        if destination.named_by_buildspec and output.name:
            key = f"{key.rpartition('/')[0]}/{self.expand(output.name)}"
        key = key.lstrip("/")
        self.say(f"Found {len(files)} files for s3://{bucket}/{key}")
        # Documented: "metadata has a CodeBuild header named x-amz-meta-codebuild-buildarn".
        options: dict[str, Any] = {"Bucket": bucket, "Metadata": {"codebuild-buildarn": self.build_arn}}
        if destination.encryption_key:
            options |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": destination.encryption_key}
        location = {"location": f"arn:aws:s3:::{bucket}/{key}"}
        if not destination.packaged:
            for name, path in files.items():
                with path.open("rb") as body:
                    self.s3.put_object(Key=f"{key}/{name}", Body=body, **options)
            return location
        archive = self.workspace.temporary / "artifact.zip"
        pack(files, archive, keep_symlinks=output.keep_symlinks)
        with archive.open("rb") as body:
            digest = hashlib.file_digest(body, "sha256").hexdigest()
            body.seek(0)
            self.s3.put_object(Key=key, Body=body, **options)
        archive.unlink()
        return location | {"sha256sum": digest}

    def _output(self, destination: Destination) -> Output:
        own = self.buildspec.secondary_artifacts.get(destination.identifier or "")
        main = self.buildspec.artifacts if destination.identifier is None or destination.alone else None
        found = own or main
        if found is None:
            wanted = f"secondary-artifacts/{destination.identifier}" if destination.identifier else "artifacts"
            raise ArtifactError(f"the buildspec has no {wanted} for s3://{destination.artifact.bucket}")
        return found
