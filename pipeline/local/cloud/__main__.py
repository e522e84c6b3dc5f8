"""`python -m pipeline.local.cloud --port PORT --folder DIR`: the emulator, completed by our services, on loopback."""

import argparse
import os
from functools import partial
from pathlib import Path

from pipeline.local.cloud.containers import remove_containers
from pipeline.local.cloud.supervisor import detach, supervise


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="penstock local cloud", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where its state and files live")
    parser.add_argument("--root-secret", type=Path, required=True, help="the file with what accounts' roots sign with")
    parser.add_argument("--without", action="append", default=[], metavar="SERVICE", help="leave one service out")
    parser.add_argument("--detach", action="store_true", help="go on in the background, and print the process's number")
    parser.add_argument("--parent", type=int, metavar="PROCESS", help="end when this process does")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    if arguments.detach:
        detach()
    remove_containers(folder)  # of a cloud that ended before it could
    supervise(folder / "emulator.pid", parent=arguments.parent, clear_up=partial(remove_containers, folder))
    # The emulator reads these when it is imported, and the supervisor shall not carry its modules: import it only now.
    os.environ |= {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(arguments.port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "S3_PERSIST": "1",
        "AUTH": "true",
    }
    from pipeline.local.cloud.snapshot_store import SnapshotStore  # noqa: PLC0415 - as above

    objects = Path(os.environ["S3_DATA_DIR"])
    store = SnapshotStore(folder=folder / "snapshots")
    last = store.resume(objects)  # S3 reads its objects when it is imported, which comes next

    from pipeline.local.cloud.emulator import Emulator  # noqa: PLC0415 - as above
    from pipeline.local.cloud.server import serve  # noqa: PLC0415 - as above
    from pipeline.local.cloud.services import install_all  # noqa: PLC0415 - as above
    from pipeline.local.cloud.snapshot import Snapshots  # noqa: PLC0415 - as above

    emulator = Emulator(
        port=arguments.port,
        folder=folder,
        root_secret=arguments.root_secret.read_text(encoding="ascii"),
        approves=os.environ.get("PENSTOCK_APPROVE") == "auto",
        audits=os.environ.get("PENSTOCK_IAM") == "audit",
    )
    install_all(emulator, without=frozenset(arguments.without))
    snapshots = Snapshots(emulator=emulator, store=store, objects=objects, restored=last)
    snapshots.install()
    serve(emulator, snapshots)


if __name__ == "__main__":
    main()
