"""A function must say what it did, cost no more than it has to, run on what AWS still mends, and hold no secret."""

import re
from collections.abc import Iterator, Mapping

from services.library.cloudformation.intrinsics import possible_forms
from services.library.cloudformation.template import Json, Resource, Template
from services.library.cloudformation.values import is_open, named_resources
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

FUNCTION, GROUP = "AWS::Lambda::Function", "AWS::Logs::LogGroup"
PYTHON_RUNTIME = re.compile(r"python(\d+)\.(\d+)")


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Any function, the CDK's own for custom resources among them, whichever way its conditions turn out."""
    del place  # a function is promoted as it is
    for function in template.resources(FUNCTION):
        named = named_resources(function.properties.get("LoggingConfig"))
        groups = [each for each in template.resources(GROUP) if each.logical_id in named]
        forms = possible_forms([function, *groups], template)
        yield from dict.fromkeys(each for form in forms for each in _of(function, form, template))


def _of(function: Resource, form: Mapping[str, Json], template: Template) -> Iterator[Finding]:
    """Look at a function as it may be. `form`: its properties and those of its log group."""
    if (properties := form.get(function.logical_id)) is None:
        return
    if not _keeps_logs(properties.get("LoggingConfig"), form, template):
        yield LOGS.broken_by(function, template, locations=("Properties.LoggingConfig",))
    if properties.get("Architectures") != ["arm64"]:
        yield ARCHITECTURE.broken_by(function, template, locations=("Properties.Architectures",))
    given = properties.get("Runtime")
    runtime = PYTHON_RUNTIME.fullmatch(str(given))
    if is_open(given):
        what = "Which one is known only at deployment."
        yield RUNTIME.broken_by(function, template, what=what, locations=("Properties.Runtime",))
    elif runtime and (int(runtime[1]), int(runtime[2])) < tuple(int(part) for part in PYTHON.split(".")):
        what = f"It asks for {runtime[0]}."
        yield RUNTIME.broken_by(function, template, what=what, locations=("Properties.Runtime",))
    tracing = properties.get("TracingConfig")
    if not (isinstance(tracing, Mapping) and tracing.get("Mode") == "Active"):
        yield TRACING.broken_by(function, template, locations=("Properties.TracingConfig",))
    yield from _secrets(function, properties.get("Environment"), template)


def _keeps_logs(logging: object, form: Mapping[str, Json], template: Template) -> bool:
    """A log group that is named and stands elsewhere is judged there."""
    named = logging.get("LogGroup") if isinstance(logging, Mapping) else None
    group = template.named_by(named)
    if group is None or group.type != GROUP:
        return bool(named)
    return bool(form.get(group.logical_id, {}).get("RetentionInDays"))


def _secrets(function: Resource, environment: object, template: Template) -> Iterator[Finding]:
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
