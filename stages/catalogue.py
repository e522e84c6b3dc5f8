"""Every stage, in promotion order."""

from pipeline.catalogue.model import Catalogue
from stages.dev import DEV
from stages.prod import PROD
from stages.qa import QA
from stages.staging import STAGING

STAGES: Catalogue = (DEV, QA, STAGING, PROD)
