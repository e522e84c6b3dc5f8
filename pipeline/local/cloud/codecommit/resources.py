"""`AWS::CodeCommit::Repository`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codecommit-repository.html
"""

from typing import NoReturn

from pipeline.local.cloud.codecommit.repositories import Repositories
from pipeline.local.cloud.emulator import Json, ResourceType

PROPERTIES = {"RepositoryName", "RepositoryDescription", "Tags"}


def repository(repositories: Repositories) -> ResourceType:
    """Make repositories, which begin empty."""

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        del logical_id, stack_name
        _check(properties)
        made = repositories.create(
            properties["RepositoryName"],
            description=properties.get("RepositoryDescription", ""),
            tags={tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])},
        )
        return str(made["repositoryId"]), _attributes(made)

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        del stack_name
        _check(new)
        if old["RepositoryName"] != new["RepositoryName"]:
            repositories.rename(old["RepositoryName"], new["RepositoryName"])
        repositories.change(new["RepositoryName"], repositoryDescription=new.get("RepositoryDescription", ""))
        return physical_id, _attributes(repositories.get(new["RepositoryName"]))

    def delete(_physical_id: str, properties: Json) -> None:
        repositories.delete(properties["RepositoryName"])

    return ResourceType(create=create, update=update, delete=delete)


def _check(properties: Json) -> None:
    if "RepositoryName" not in properties:
        _refuse("lacks RepositoryName")
    if unknown := {name for name, value in properties.items() if value != []} - PROPERTIES:
        _refuse(
            f"cannot have {', '.join(sorted(unknown))} in the local cloud; it takes {', '.join(sorted(PROPERTIES))}"
        )


def _refuse(why: str) -> NoReturn:
    raise ValueError(f"AWS::CodeCommit::Repository {why}")


def _attributes(record: Json) -> Json:
    return {
        "Arn": record["Arn"],
        "CloneUrlHttp": record["cloneUrlHttp"],
        "CloneUrlSsh": record["cloneUrlSsh"],
        "Name": record["repositoryName"],
    }
