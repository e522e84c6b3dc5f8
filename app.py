"""The CDK app: one pipeline over the catalogue of stages, or one branch's environment, under guardrails."""

import os

from pipeline.synthesis.whole import synthesise

synthesise(os.environ)
