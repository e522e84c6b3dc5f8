"""`Fn::Join` in one spelling, which `Fn::Sub` has too: text, or parts in a row without a separator."""

from collections.abc import Sequence

from pipeline.review.model import Json


def joined(separator: str, parts: Sequence[Json]) -> Json:
    """Text if every part is; else one join, neighbouring texts and inner joins merged."""
    flat: list[Json] = []
    for index, part in enumerate(parts):
        inner = part["Fn::Join"][1] if _is_join(part) else [part]
        for each in [separator, *inner] if index else inner:
            text = _text(each)
            if text is None:
                flat.append(each)
            elif flat and isinstance(flat[-1], str):
                flat[-1] += text
            elif text:
                flat.append(text)
    if len(flat) > 1:
        return {"Fn::Join": ["", flat]}
    return flat[0] if flat else ""


def _is_join(part: Json) -> bool:
    return (
        isinstance(part, dict)
        and isinstance(join := part.get("Fn::Join"), list)
        and len(join) == 2
        and join[0] == ""
        and isinstance(join[1], list)
    )


def _text(value: Json) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None
