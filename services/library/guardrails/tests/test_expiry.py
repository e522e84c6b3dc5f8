from dataclasses import replace
from datetime import date

from services.library.contract.acknowledgement import Acknowledgement
from services.library.guardrails.acknowledgement.expiry import expired, expiring

JUNE = Acknowledgement(
    rule="AwsSolutions-S1", path="Bucket", reason="It holds access logs", owner="@example/a", expires=date(2027, 6, 30)
)
JULY = replace(JUNE, expires=date(2027, 7, 20))


def test_acknowledgement_holds_on_its_last_day() -> None:
    assert expired([JULY, JUNE], date(2027, 6, 30)) == ()
    assert expired([JULY, JUNE], date(2027, 7, 1)) == (JUNE,)
    assert expired([JULY, JUNE], date(2027, 8, 1)) == (JUNE, JULY)


def test_acknowledgement_is_expiring_fourteen_days_before_its_end() -> None:
    assert expiring([JUNE], date(2027, 6, 15)) == ()
    assert expiring([JUNE], date(2027, 6, 16)) == (JUNE,)
    assert expiring([JUNE], date(2027, 6, 30)) == (JUNE,)


def test_expired_acknowledgement_is_not_expiring() -> None:
    assert expiring([JUNE], date(2027, 7, 1)) == ()
    assert expiring([JUNE, JULY], date(2027, 7, 1), within_days=30) == (JULY,)
