"""Which fields a state of each type has, and which of them belong to one query language.

https://states-language.net/spec.html#state-type-table
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

JSONPATH, JSONATA = "JSONPath", "JSONata"

_EVERY = "Type Comment QueryLanguage"
_GOES_ON = "Next End"
_INPUT = "InputPath OutputPath"
_RESULT = f"{_INPUT} Parameters ResultPath ResultSelector"
_HANDLED = "Retry Catch"
_NEW = "Assign Output"

STATE_FIELDS: dict[str, frozenset[str]] = {
    type_: frozenset(f"{_EVERY} {fields}".split())
    for type_, fields in {
        "Task": (
            f"{_GOES_ON} {_RESULT} {_HANDLED} {_NEW} Arguments Resource Credentials TimeoutSeconds TimeoutSecondsPath "
            "HeartbeatSeconds HeartbeatSecondsPath"
        ),
        "Parallel": f"{_GOES_ON} {_RESULT} {_HANDLED} {_NEW} Arguments Branches",
        "Map": (
            f"{_GOES_ON} {_RESULT} {_HANDLED} {_NEW} ItemProcessor Iterator Items ItemsPath ItemSelector ItemReader "
            "ItemBatcher ResultWriter MaxConcurrency MaxConcurrencyPath ToleratedFailureCount "
            "ToleratedFailureCountPath ToleratedFailurePercentage ToleratedFailurePercentagePath Label"
        ),
        "Pass": f"{_GOES_ON} {_INPUT} {_NEW} Parameters ResultPath Result",
        "Wait": f"{_GOES_ON} {_INPUT} {_NEW} Seconds SecondsPath Timestamp TimestampPath",
        "Choice": f"{_INPUT} {_NEW} Choices Default",
        "Succeed": f"{_INPUT} Output",
        "Fail": "Error ErrorPath Cause CausePath",
    }.items()
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "Task": ("Resource",),
    "Parallel": ("Branches",),
    "Map": (),
    "Pass": (),
    "Wait": (),
    "Choice": ("Choices",),
    "Succeed": (),
    "Fail": (),
}
EXACTLY_ONE: dict[str, tuple[tuple[str, ...], ...]] = {
    "Task": (("Next", "End"),),
    "Parallel": (("Next", "End"),),
    "Map": (("Next", "End"), ("ItemProcessor", "Iterator")),
    "Pass": (("Next", "End"),),
    "Wait": (("Next", "End"), ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")),
}
AT_MOST_ONE = (
    ("TimeoutSeconds", "TimeoutSecondsPath"),
    ("HeartbeatSeconds", "HeartbeatSecondsPath"),
    ("MaxConcurrency", "MaxConcurrencyPath"),
    ("ToleratedFailureCount", "ToleratedFailureCountPath"),
    ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
    ("Error", "ErrorPath"),
    ("Cause", "CausePath"),
)
OF_JSONATA = frozenset({"Arguments", "Output", "Items"})
OF_JSONPATH = frozenset(
    {"Parameters", "ResultSelector", "Result"}
    | {field for fields in STATE_FIELDS.values() for field in fields if field.endswith("Path")}
)
PATHS = ("InputPath", "OutputPath", "ItemsPath")
"""May be any path, or null. (An ErrorPath or a CausePath may be an intrinsic function, too.)"""
REFERENCE_PATHS = tuple(
    sorted({field for field in OF_JSONPATH if field.endswith("Path")} - {*PATHS, "ErrorPath", "CausePath"})
)
TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Assign", "Credentials")
NESTED_TEMPLATES = {"ItemReader": "Parameters", "ResultWriter": "Parameters", "ItemBatcher": "BatchInput"}

MACHINE_FIELDS = frozenset({"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"})
PROCESSOR_FIELDS = (MACHINE_FIELDS - {"QueryLanguage"}) | {"ProcessorConfig"}
"""Where one language cannot be chosen: https://github.com/floci-io/floci/issues/2968"""
