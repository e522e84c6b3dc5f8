"""`python -m pipeline.local.cloud --port PORT --folder DIR`: the emulator with its gap fillers, on loopback."""

import argparse
import os
from pathlib import Path


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="penstock local cloud", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where its state and files live")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    # The emulator reads these when it is imported, so they come first.
    os.environ |= {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(arguments.port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "S3_PERSIST": "1",
    }
    from ministack import app  # noqa: PLC0415 - see above

    from pipeline.local.cloud.emulator import Emulator  # noqa: PLC0415
    from pipeline.local.cloud.fillers import install_all  # noqa: PLC0415

    install_all(Emulator(port=arguments.port, folder=folder))
    app.main()


if __name__ == "__main__":
    main()
