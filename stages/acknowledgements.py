"""The findings that the platform team accepts. Paths start at the App.

What CDK Pipelines and the library's constructs always cause is decided where they are (docs/guardrails.md), not here.
"""

from services.library.contract.acknowledgement import Acknowledgement

OWNER = "@example/platform"
ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = ()
