"""Other systems that functions call over HTTPS: whatever host they ask for, and as unwell as a test wants it.

Emulated: one small partner system behind a proxy, with certificates that functions trust; its faults, on demand.
Not emulated: any real system, and everything that is not HTTPS.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Listen, and let functions find it."""
    from pipeline.local.cloud.partner import api
    from pipeline.local.cloud.partner.certificates import Authority
    from pipeline.local.cloud.partner.listener import Listener
    from pipeline.local.cloud.partner.server import Partner

    folder = emulator.folder / "partner"
    partner = Partner(authority=Authority(folder))
    listener = Listener(partner).start()
    emulator.function_environment["HTTPS_PROXY"] = f"http://127.0.0.1:{listener.port}"
    emulator.function_environment["SSL_CERT_FILE"] = str(folder / "authority.pem")
    emulator.serve_path(api.PATH, api.control(partner))
