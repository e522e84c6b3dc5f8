"""A change is thought through before anything is touched, overwrites nothing, and can be begun again."""

from pathlib import Path

import pytest

from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError

NEW, OLD = Path("services/payments/service.py"), Path("stages/dev.py")
TEXT = '"""New."""\n'


@pytest.fixture
def planned(draft: Draft) -> Draft:
    (draft.root / OLD).write_text('"""Old."""\n')
    (draft.root / OLD).chmod(0o755)
    draft.edit(OLD, '"""Old, but newer."""\n')
    draft.add(NEW, TEXT)
    return draft


def test_nothing_is_there_before_it_is_applied_and_everything_after(planned: Draft) -> None:
    changes = planned.changes()
    assert [(each.verb, each.file) for each in changes] == [("add", NEW), ("edit", OLD)]
    assert "--- /dev/null\n+++ b/services/payments/service.py\n@@ -0,0 +1 @@\n" in changes[0].diff()
    assert not (planned.root / NEW).exists()
    planned.apply(changes)
    assert (planned.root / NEW).read_text() == TEXT
    assert (planned.root / OLD).stat().st_mode & 0o777 == 0o755
    assert planned.changes() == []
    assert list((planned.root / ".penstock").iterdir()) == []


def test_a_run_that_was_cut_off_is_completed_and_other_text_is_not_overwritten(planned: Draft) -> None:
    (planned.root / NEW).parent.mkdir(parents=True)
    (planned.root / NEW).write_text(TEXT)
    again = Draft(root=planned.root)
    again.add(NEW, TEXT)
    assert again.changes() == []
    (planned.root / NEW).write_text("MINE = 1\n")
    with pytest.raises(ScaffoldError, match=r"services/payments/service\.py is there already, with other text"):
        again.add(NEW, TEXT)


def test_what_is_new_comes_before_what_refers_to_it(planned: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def fails_for_edits(self: Path, target: Path) -> Path:
        if target.name == OLD.name:
            raise OSError("no space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails_for_edits)
    with pytest.raises(OSError, match="no space"):
        planned.apply(planned.changes())
    assert (planned.root / NEW).read_text() == TEXT
    assert (planned.root / OLD).read_text() == '"""Old."""\n'


def test_what_is_deleted_takes_its_folders_along_once_they_are_empty(draft: Draft) -> None:
    folder = draft.root / "services/payments"
    (folder / "runtime/__pycache__").mkdir(parents=True)
    for name in ("runtime/handler.py", "runtime/__pycache__/handler.pyc", "service.py"):
        (folder / name).write_text("")
    draft.delete(Path("services/payments/runtime/handler.py"))
    draft.apply(draft.changes())
    assert not (folder / "runtime").exists()
    assert (folder / "service.py").exists()
    draft.delete(Path("services/payments/service.py"))
    draft.apply(draft.changes())
    assert not folder.exists()
