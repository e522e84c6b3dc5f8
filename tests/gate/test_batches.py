"""Every test file is in one batch, and what starts processes is apart."""

from tests.gate.batches import Batch, batches, collected, divide
from tests.gate.checkout import ROOT, read


def test_folder_is_a_batch_and_what_starts_processes_is_another() -> None:
    texts = {"a/test_one.py": "", "a/test_two.py": "subprocess.run()", "a/test_three.py": "", "b/test_one.py": ""}
    assert divide(texts) == (
        Batch(name="a", files=("a/test_one.py", "a/test_three.py")),
        Batch(name="a (processes)", files=("a/test_two.py",)),
        Batch(name="b", files=("b/test_one.py",)),
    )


def test_files_that_pytest_collects_are_those_of_its_patterns_below_its_folders() -> None:
    names = (
        "tests/test_a.py",
        "tests/b_test.py",
        "tests/c.py",
        "tests/test_d.json",
        "pipeline/tests/test_e.py",
        "test_f.py",
    )
    assert collected(("tests", "pipeline"), names) == ("pipeline/tests/test_e.py", "tests/b_test.py", "tests/test_a.py")


def test_every_test_file_of_this_checkout_is_in_one_batch() -> None:
    names = read(ROOT).names
    divided = [file for batch in batches(ROOT, names) for file in batch.files]
    assert sorted(divided) == sorted(
        name for name in names if name.rpartition("/")[2].startswith("test_") and name.endswith(".py")
    )
