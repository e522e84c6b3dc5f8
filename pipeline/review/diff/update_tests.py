"""What `conditional_updates` asks of the two sides of a resource: True, False, or None where they do not tell."""

from collections.abc import Callable, Mapping

from pipeline.review.model import Json
from services.library.cloudformation.template import Resource, number
from services.library.cloudformation.values import canonical, is_open, is_same

Test = Callable[[Resource, Resource], bool | None]


def always(old: Resource, new: Resource) -> bool:
    """Hold whatever the property was and becomes."""
    del old, new
    return True


def appears(name: str) -> Test:
    """Hold if a property was not there before."""
    return lambda old, new: name not in old.properties and name in new.properties


def leaves(name: str) -> Test:
    """Hold if a property is not there any more."""
    return lambda old, new: name in old.properties and name not in new.properties


def leaves_value(name: str, value: str) -> Test:
    """Hold if a property had this value."""

    def holds(old: Resource, new: Resource) -> bool:
        del new
        return bool(old.properties.get(name) == value)

    return holds


def switches_off(name: str, part: str) -> Test:
    """Hold if a part of a property was enabled and is not any more."""

    def holds(old: Resource, new: Resource) -> bool | None:
        before, after = (side.properties.get(name) for side in (old, new))
        if not isinstance(before, Mapping) or before.get(part) != "Enabled":
            return False
        if is_open(after) or (isinstance(after, Mapping) and is_open(after.get(part))):
            return None
        return isinstance(after, Mapping) and after.get(part) != "Enabled"

    return holds


def is_true(name: str) -> Test:
    """Hold if a property is true afterwards."""

    def holds(old: Resource, new: Resource) -> bool:
        del old
        return _is_true(new.properties.get(name))

    return holds


def is_no_member_of_cluster(old: Resource, new: Resource) -> bool:
    """Hold if a database is one of its own; a member's port and version are its cluster's."""
    del old
    return "DBClusterIdentifier" not in new.properties


def decreases(name: str) -> Test:
    """Hold if a number becomes smaller."""

    def holds(old: Resource, new: Resource) -> bool | None:
        before, after = number(old.properties.get(name)), number(new.properties.get(name))
        return None if before is None or after is None else after < before

    return holds


def changes_with(name: str) -> Test:
    """Hold if another property changes, too."""
    return lambda old, new: not is_same(old.properties.get(name), new.properties.get(name))


def changes_more_than(*names: str) -> Test:
    """Hold if any other property changes, too."""

    def holds(old: Resource, new: Resource) -> bool:
        others = {*old.properties, *new.properties} - set(names)
        return any(not is_same(old.properties.get(name), new.properties.get(name)) for name in others)

    return holds


def keeps_disks_or_not(old: Resource, new: Resource) -> bool | None:
    """Hold if nothing of an instance's disks changes but whether they outlive it."""
    before, after = (_by(side.properties.get("BlockDeviceMappings", []), "DeviceName") for side in (old, new))
    if before is None or after is None:
        return None
    sides = [{name: _without_keeping(each) for name, each in side.items()} for side in (before, after)]
    return is_same(*sides)


def _without_keeping(disk: Json) -> Json:
    given = disk.get("Ebs")
    kept = (
        {key: each for key, each in given.items() if key != "DeleteOnTermination"}
        if isinstance(given, Mapping)
        else given
    )
    return {**disk, "Ebs": kept}


def has_no_version_upgrade(old: Resource, new: Resource) -> bool | None:
    """Hold if the new template's UpdatePolicy does not let the domain be upgraded in place."""
    del old
    policy = new.body.get("UpdatePolicy")
    value = policy.get("EnableVersionUpgrade") if isinstance(policy, Mapping) else None
    return None if is_open(value) else not _is_true(value)


def edits_attribute(old: Resource, new: Resource) -> bool | None:
    """Hold if an attribute of both sides is of another type."""
    before, after = (_by(side.properties.get("AttributeDefinitions"), "AttributeName") for side in (old, new))
    if before is None or after is None:
        return None
    return any(not is_same(before[name], after[name]) for name in before.keys() & after.keys())


def changes_several_indexes(old: Resource, new: Resource) -> bool | None:
    """Hold if more than one index comes or goes; one with another key or projection does both."""
    before, after = (_by(side.properties.get("GlobalSecondaryIndexes", []), "IndexName") for side in (old, new))
    if before is None or after is None:
        return None
    rebuilt = [name for name in before.keys() & after.keys() if not _is_same_index(before[name], after[name])]
    return len(before.keys() ^ after.keys()) + 2 * len(rebuilt) > 1


def edits_user_attribute(old: Resource, new: Resource) -> bool | None:
    """Hold if an attribute of a user pool changes or goes."""
    before, after = (_by(side.properties.get("Schema", []), "Name") for side in (old, new))
    if before is None or after is None:
        return None
    return any(not is_same(before[name], after.get(name)) for name in before)


def reshards_too_far(old: Resource, new: Resource) -> bool | None:
    """Hold if the number of shards is more than doubled or less than halved."""
    before, after = number(old.properties.get("ShardCount")), number(new.properties.get("ShardCount"))
    if "ShardCount" not in old.properties or "ShardCount" not in new.properties:
        return False
    return None if before is None or after is None else after > 2 * before or 2 * after < before


def upgrades_major_version(old: Resource, new: Resource) -> bool | None:
    """Hold if the engine's major version changes without leave, or its version goes back."""
    before, after = old.properties.get("EngineVersion"), new.properties.get("EngineVersion")
    if "EngineVersion" not in old.properties or "EngineVersion" not in new.properties:
        return False
    if not is_no_member_of_cluster(old, new):
        return False
    if not isinstance(before, str) or not isinstance(after, str):
        return None
    major, other = (_version(each, str(new.properties.get("Engine", ""))) for each in (before, after))
    if other < major:
        return True
    return other > major and not _is_true(new.properties.get("AllowMajorVersionUpgrade"))


def _version(text: str, engine: str) -> tuple[int, ...]:
    """The major version: one number of PostgreSQL's, two of the others'."""
    parts = [int(part) if part.isdigit() else 0 for part in text.split(".")]
    return tuple(parts[: 1 if "postgres" in engine else 2])


def _is_same_index(old: Json, new: Json) -> bool:
    return all(is_same(old.get(name), new.get(name)) for name in ("KeySchema", "Projection"))


def _by(value: Json, name: str) -> Mapping[str, Json] | None:
    """The parts of a list by their name; None where a template does not tell."""
    if not isinstance(value, list) or not all(isinstance(each, Mapping) and name in each for each in value):
        return None
    return {str(canonical(each[name])): each for each in value}


def _is_true(value: Json) -> bool:
    return str(value).lower() == "true"
