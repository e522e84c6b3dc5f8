"""What a test asks of the partner system.

`POST /_penstock/partner` answers what waits to go wrong and what was asked of it, as {"waiting": 1, "requests": [...]},
after

    {"fault": {"kind": "status", "times": 3}}    plans a fault for the next requests (`faults.py` has the kinds)
    {"clear": true}                              forgets all faults and requests
    {}                                           neither
"""

from collections.abc import Callable

from pipeline.local.cloud.emulator import AwsError, Json
from pipeline.local.cloud.partner.faults import Fault, FaultError
from pipeline.local.cloud.partner.server import Partner

PATH = "/_penstock/partner"


def control(partner: Partner) -> Callable[[Json], Json]:
    """Return what answers a POST to `PATH`."""

    def answer(asked: Json) -> Json:
        if asked.get("clear"):
            partner.faults.clear()
            partner.requests.clear()
        if "fault" in asked:
            try:
                partner.faults.add(Fault.of(asked["fault"]))
            except FaultError as error:
                raise AwsError("InvalidFault", str(error)) from error
        return {
            "waiting": len(partner.faults.waiting),
            "requests": [
                {"method": each.method, "path": each.path, "headers": each.headers} for each in partner.requests
            ],
        }

    return answer
