"""The shape of a pipeline: what botocore's model of the API allows, in the API's spelling or in CloudFormation's."""

import functools
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from pipeline.local.cloud.codepipeline.declaration import InvalidDeclarationError, Json

SCALARS: dict[str, type] = {"string": str, "integer": int, "boolean": bool}


@functools.cache
def model() -> ServiceModel:
    """Return what CodePipeline's API accepts and answers."""
    return botocore.session.get_session().get_service_model("codepipeline")


def from_api(pipeline: Any) -> Json:
    """Return a pipeline as CreatePipeline and UpdatePipeline get it; the same, when every part of it is known."""
    checked: Json = _Reader(in_template=False).read(pipeline, model().shape_for("PipelineDeclaration"), "pipeline")
    return checked


def from_template(properties: Json, name: str) -> Json:
    """Return a pipeline as `AWS::CodePipeline::Pipeline` describes it, in the API's spelling.

    Properties of the resource that are no part of the declaration must be taken out by the caller.
    """
    described = {"Name": name, **properties}
    stores = described.pop("ArtifactStores", None)
    checked: Json = _Reader(in_template=True).read(described, model().shape_for("PipelineDeclaration"), "Pipeline")
    if stores is not None:
        store_shape = model().shape_for("ArtifactStore")
        reader = _Reader(in_template=True)
        checked["artifactStores"] = {
            entry["Region"]: reader.read(entry["ArtifactStore"], store_shape, "ArtifactStores") for entry in stores
        }
    checked.setdefault("pipelineType", "V1")
    return checked


class _Reader:
    """Walks a value along its shape, and refuses what the shape does not have."""

    def __init__(self, *, in_template: bool) -> None:
        self._in_template = in_template

    def read(self, value: Any, shape: Shape, path: str) -> Any:
        """Return the value in the API's spelling."""
        if isinstance(shape, StructureShape):
            return self._structure(value, shape, path)
        if isinstance(shape, ListShape):
            self._expect(value, list, path)
            return [self.read(item, shape.member, f"{path}[{index}]") for index, item in enumerate(value)]
        if isinstance(shape, MapShape):
            self._expect(value, dict, path)
            return {key: self.read(item, shape.value, f"{path}.{key}") for key, item in value.items()}
        return self._scalar(value, shape, path)

    def _structure(self, value: Any, shape: StructureShape, path: str) -> Json:
        self._expect(value, dict, path)
        result: Json = {}
        for key, item in value.items():
            member = key[:1].lower() + key[1:] if self._in_template and key[:1].isupper() else key
            if member not in shape.members or (self._in_template and not key[:1].isupper()):
                raise InvalidDeclarationError(
                    "InvalidStructureException", f"{path} has no property {key}; it has {', '.join(shape.members)}"
                )
            result[member] = self.read(item, shape.members[member], f"{path}.{key}")
        for member in shape.required_members:
            if member not in result:
                raise InvalidDeclarationError("InvalidStructureException", f"{path} lacks {member}")
        return result

    def _scalar(self, value: Any, shape: Shape, path: str) -> Any:
        if self._in_template:
            value = _as_the_template_means(value, shape)
        self._expect(value, SCALARS[shape.type_name], path)
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed:
            raise InvalidDeclarationError(
                "InvalidStructureException", f"{path} is {value!r}; it can be {', '.join(allowed)}"
            )
        longest = shape.metadata.get("max")
        if isinstance(value, str) and longest is not None and len(value) > longest:
            raise InvalidDeclarationError(
                "ValidationException", f"{path} has {len(value)} characters; it can have {longest}"
            )
        return value

    @staticmethod
    def _expect(value: Any, kind: type, path: str) -> None:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InvalidDeclarationError(
                "InvalidStructureException", f"{path} is {value!r}; it must be a {kind.__name__}"
            )


def _as_the_template_means(value: Any, shape: Shape) -> Any:
    """CloudFormation turns booleans and numbers into strings, and numeric strings into numbers, where asked to."""
    if shape.type_name == "string" and isinstance(value, bool):
        return str(value).lower()
    if shape.type_name == "string" and isinstance(value, int | float):
        return str(value)
    if shape.type_name == "integer" and isinstance(value, str) and value.isdigit():
        return int(value)
    return value
