"""Every test meets the permissions that AWS would enforce."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
AUDITS = 'iam="audit"'
OF_IAM = "tests/pipeline/local/cloud/test_iam.py"


def test_no_test_but_iams_own_starts_a_cloud_that_only_audits() -> None:
    files = [file for folder in ("tests", "services", "pipeline") for file in (ROOT / folder).rglob("*.py")]
    found = {str(file.relative_to(ROOT)) for file in files if AUDITS in file.read_text() and file != Path(__file__)}
    assert found - {"pipeline/local/lifecycle.py"} == {OF_IAM}
