"""What `penstock call` posts where nobody said what, and to which of the reference services."""

BODY = '{"patient": "example-1", "resource": {"resourceType": "Observation"}}'
SERVICE = "intake"
"""The service that takes it."""
