"""Where personal data must not get, and everything that got there during a campaign."""

import traceback
from dataclasses import dataclass, field
from pathlib import Path

SINKS = ("logs", "spans", "exceptions", "causes", "messages", "events", "names", "headers", "refusals")


@dataclass
class Sinks:
    """What each was given, in a folder: one file each. `logs` is the process's own output."""

    folder: Path
    taken: dict[str, list[str]] = field(default_factory=dict)

    def take(self, sink: str, text: str) -> None:
        self.taken.setdefault(sink, []).append(text)

    def raised(self, error: BaseException) -> None:
        """Everything that anybody could tell of an exception: its chain, its values, and what hangs on them."""
        self.take("exceptions", "".join(traceback.format_exception(error)))
        seen: list[BaseException] = []
        following: list[BaseException | None] = [error]
        while following:
            each = following.pop()
            if each is not None and each not in seen:
                seen.append(each)
                following += [each.__cause__, each.__context__]
                self.take("exceptions", f"{each!r} {each} {vars(each)} {each.args}")

    def write(self) -> None:
        for name, texts in self.taken.items():
            (self.folder / name).write_text("\n".join(texts), encoding="utf-8", errors="surrogatepass")
