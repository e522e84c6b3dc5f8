"""A function must say what it did, cost no more than it has to, run on what AWS still mends, and hold no secret."""

import re
from collections.abc import Iterator, Mapping

from services.library.cloudformation.template import Resource, Template
from services.library.contract import secret
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule
from services.library.packaging.dependencies import PYTHON

LOGS = Rule(
    id="Penstock-FunctionLogs",
    accepted_by=AcceptedBy.SERVICE,
    text="Lambda would make a log group that is kept for ever, encrypted with nobody's key, and left behind.",
    fix="Name a log group of the stack's own in LoggingConfig, and set its RetentionInDays (in the CDK: log_group).",
)
ARCHITECTURE = Rule(
    id="Penstock-FunctionArchitecture",
    accepted_by=AcceptedBy.SERVICE,
    text="Packages are made for arm64, which costs a fifth less for the same work.",
    fix="Set Architectures to [arm64], or say which dependency has no build for it.",
)
RUNTIME = Rule(
    id="Penstock-FunctionRuntime",
    accepted_by=AcceptedBy.SERVICE,
    text=f"Packages are made and tested for Python {PYTHON}, and an older one is mended for a shorter time.",
    fix=f"Set Runtime to python{PYTHON} (in the CDK: defaults.FUNCTION_RUNTIME).",
)
TRACING = Rule(
    id="Penstock-FunctionTracing",
    accepted_by=AcceptedBy.SERVICE,
    text="A request that passes through this function could not be followed.",
    fix="Set TracingConfig.Mode to Active.",
)
SECRET = Rule(
    id="Penstock-FunctionSecret",
    accepted_by=AcceptedBy.SERVICE,
    text="Whoever may look at the template, the function or its deployment could read it.",
    fix="Keep it in Secrets Manager, pass its name, as in DATABASE_SECRET_NAME, and read it at run time.",
)

PYTHON_RUNTIME = re.compile(r"python(\d+)\.(\d+)")


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Any function, the CDK's own for custom resources among them."""
    del place  # a function is promoted as it is
    for function in template.resources("AWS::Lambda::Function"):
        properties = function.properties
        if not _keeps_logs(function, template):
            yield LOGS.broken_by(function, template, locations=("Properties.LoggingConfig",))
        if properties.get("Architectures") != ["arm64"]:
            yield ARCHITECTURE.broken_by(function, template, locations=("Properties.Architectures",))
        runtime = PYTHON_RUNTIME.fullmatch(str(properties.get("Runtime")))
        if runtime and (int(runtime[1]), int(runtime[2])) < tuple(int(part) for part in PYTHON.split(".")):
            what = f"It asks for {runtime[0]}."
            yield RUNTIME.broken_by(function, template, what=what, locations=("Properties.Runtime",))
        tracing = properties.get("TracingConfig")
        if not (isinstance(tracing, Mapping) and tracing.get("Mode") == "Active"):
            yield TRACING.broken_by(function, template, locations=("Properties.TracingConfig",))
        yield from _secrets(function, template)


def _keeps_logs(function: Resource, template: Template) -> bool:
    """A log group that is named and stands elsewhere is judged there."""
    logging = function.properties.get("LoggingConfig")
    named = logging.get("LogGroup") if isinstance(logging, Mapping) else None
    group = template.named_by(named)
    return bool(group.properties.get("RetentionInDays")) if group else bool(named)


def _secrets(function: Resource, template: Template) -> Iterator[Finding]:
    environment = function.properties.get("Environment")
    variables = environment.get("Variables") if isinstance(environment, Mapping) else None
    for name, value in variables.items() if isinstance(variables, Mapping) else ():
        if what := secret.suspected(name, value):
            yield SECRET.broken_by(
                function,
                template,
                detail=name,
                what=f"The variable {name} looks like {what}.",  # never its value
                locations=(f"Properties.Environment.Variables.{name}",),
            )
