"""What an id means: one content, by its digest."""

from hashlib import sha256


def content_digest(patient: str, content: str) -> str:
    """Return the digest of a submission's content: of the JSON text `["patient",content]`.

    White space and the order of members count, as they do for StartExecution, which compares inputs as text.
    """
    return sha256(f'["{patient}",{content}]'.encode()).hexdigest()
