"""A CloudFormation template with everything decided that can be decided without an account."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.review.model import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource that will, or may, exist.

    What `properties` holds: `AWS::NoValue` is gone; parameters, mappings, conditions and pseudo parameters are replaced
    by their values where those are known; `Fn::Join` and `Fn::Sub` of text alone are text. What is left is one of
    `{"Ref": id}`, `{"Fn::GetAtt": [id, attribute]}`, `{"Fn::Join": [separator, parts]}` (an `Fn::Sub` becomes one, with
    the separator `""`), `{"Fn::If": [condition, then, else]}` of an undecidable condition, or another function with its
    arguments resolved in the same way. Two spellings of one thing are equal.
    """

    logical_id: str
    type: str
    path: str
    """The construct's path below the stack's; the logical id for a template without metadata."""
    properties: Mapping[str, Json]
    condition: str = ""
    """The undecidable condition that it may not exist for; a resource that will not exist is not in the template."""
    deletion_policy: str = ""
    """As written; empty for CloudFormation's default."""
    update_replace_policy: str = ""
    depends_on: frozenset[str] = frozenset()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    update_policy: Json = None
    creation_policy: Json = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedTemplate:
    """One stack's template; its nested ones are templates of their own."""

    resources: Mapping[str, Resource] = field(default_factory=dict)
    """By logical id."""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    """Those that will exist, resolved."""
    exports: Mapping[str, str] = field(default_factory=dict)
    """Export name -> the output's key."""
    imports: frozenset[str] = frozenset()
    """Export names that it reads."""
    transforms: tuple[str, ...] = ()
    """Macros, whose result nobody knows before the deployment."""
    secrets: frozenset[str] = frozenset()
    """Values of NoEcho parameters."""
    unread: tuple[str, ...] = ()
    """What could not be read, a sentence each."""
    account: str = ""
    """Empty if the stack is for any account."""
    region: str = ""


EMPTY = ResolvedTemplate()
"""What a new stack is compared with."""
