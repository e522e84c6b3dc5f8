"""The other system that functions call over HTTPS: whatever host they ask for, and as unwell as a test wants it.

`POST /_penstock/partner` answers what waits to go wrong and what was asked of it, as {"waiting": 1, "requests": [...]},
after

    {"fault": {"kind": "status", "times": 3}}    plans a fault for the next requests (`faults.py` has the kinds)
    {"clear": true}                              forgets all faults and requests
    {}                                           neither
"""

from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.partner.certificates import Authority
from pipeline.local.cloud.partner.faults import Fault, FaultError
from pipeline.local.cloud.partner.listener import Listener
from pipeline.local.cloud.partner.server import Partner

PATH = "/_penstock/partner"


def install(emulator: Emulator) -> None:
    """Be there, and let functions find it."""
    partner = Partner(authority=Authority(emulator.folder / "partner"))
    listener = Listener(partner).start()
    emulator.function_environment["HTTPS_PROXY"] = f"http://127.0.0.1:{listener.port}"
    emulator.function_environment["SSL_CERT_FILE"] = str(emulator.folder / "partner" / "authority.pem")

    def control(asked: Json) -> Json:
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

    emulator.serve_path(PATH, control)
