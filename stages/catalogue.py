"""Every stage, in promotion order."""

from stages.dev import DEV
from stages.model import Catalogue
from stages.prod import PROD
from stages.qa import QA
from stages.staging import STAGING

STAGES: Catalogue = (DEV, QA, STAGING, PROD)
