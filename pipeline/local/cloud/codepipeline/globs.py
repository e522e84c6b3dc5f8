"""Which branches and files a trigger's filter means.

https://docs.aws.amazon.com/codepipeline/latest/userguide/syntax-glob.html
"""

import functools
import re

from pipeline.local.cloud.codepipeline.declaration import Filter


def passes(found: Filter | None, names: list[str]) -> bool:
    """Tell whether one of the names at least is included and not excluded; no filter lets all pass."""
    if found is None:
        return True
    return any((not found.includes or _any(found.includes, name)) and not _any(found.excludes, name) for name in names)


def _any(globs: tuple[str, ...], name: str) -> bool:
    return any(_compiled(glob).fullmatch(name) for glob in globs)


@functools.lru_cache(maxsize=256)
def _compiled(glob: str) -> re.Pattern[str]:
    pattern, position, depth = "", 0, 0
    while position < len(glob):
        character = glob[position]
        position += 1
        if character == "*" and glob[position : position + 1] == "*":
            position += 1
            pattern += ".*"
        elif character == "*":
            pattern += "[^/]*"
        elif character == "?":
            pattern += "[^/]"
        elif character == "[" and "]" in glob[position:]:
            end = glob.index("]", position + 1)
            members = glob[position:end].replace("\\", "\\\\")
            pattern += f"[^{members[1:]}]" if members[:1] in ("!", "^") else f"[{members}]"
            position = end + 1
        elif character == "{":
            depth += 1
            pattern += "(?:"
        elif character == "}" and depth:
            depth -= 1
            pattern += ")"
        elif character == "," and depth:
            pattern += "|"
        elif character == "\\" and position < len(glob):
            pattern += re.escape(glob[position])
            position += 1
        else:
            pattern += re.escape(character)
    return re.compile(pattern)
