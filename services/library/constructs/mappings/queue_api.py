"""The queue API's contract: how a request becomes a message, and the response when it does not.

- **The payload is the message's body**, byte for byte, and the request's name (`request_name.py`) its attribute `name`,
  which is also what the client is told to track it by.
- **Delivered at least once**, and in any order: a worker does what a name asks for once. A retry with the same key is
  another message with the same name; that its payload may differ nobody checks.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

from services.library.constructs.mappings import integration
from services.library.constructs.mappings.integration import IntegrationResponse, overriding_a_success
from services.library.constructs.mappings.problem import BAD_PAYLOAD, BUSY, UPSTREAM, too_large
from services.library.constructs.mappings.request_name import BAD_KEY, IAM_CALLER, REFUSED, name_template

FORM = "application/x-www-form-urlencoded"
NAME_ATTRIBUTE = "name"
FAILURES: integration.Failures = (
    (("RequestThrottled", "Throttling", "ThrottlingException", "OverLimit", "KmsThrottled"), BUSY),
    (("InvalidMessageContents",), BAD_PAYLOAD),
    (("MissingParameter",), BAD_KEY),
)
"""SendMessage's error types whose response is not 500."""
MESSAGE_LIMIT_BYTES = 1_048_576
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""


def request_template(*, identity: str = IAM_CALLER) -> str:
    """Map a request to SendMessage, as the form that the Query protocol wants."""
    attribute = "MessageAttribute.1"
    return (
        name_template(identity)
        + "Action=SendMessage&Version=2012-11-05"
        + f"&{attribute}.Name={NAME_ATTRIBUTE}&{attribute}.Value.DataType=String"
        + f"&{attribute}.Value.StringValue=$util.urlEncode($execution)"
        # A message takes any name, unlike an execution; none is taken without a body, and no payload is empty.
        + f'#if($execution != "{REFUSED}")&MessageBody=$util.urlEncode($input.body)#end'
    )


def integration_responses(*, identity: str = IAM_CALLER) -> tuple[IntegrationResponse, ...]:
    """Return every integration response."""
    refused = integration.refused_template(
        FAILURES,
        type_path="$.Error.Code",
        message_path="$.Error.Message",
        too_large_types="InvalidParameterValue(Exception)?",
        limit_bytes=MESSAGE_LIMIT_BYTES,
    )
    return integration.responses(IntegrationResponse(status=202, pattern="200", template=_sent(identity)), refused)


def response_statuses() -> tuple[int, ...]:
    """Return every status that the method may respond with."""
    problems = [too_large(MESSAGE_LIMIT_BYTES), *(problem for _, problem in FAILURES)]
    return integration.response_statuses(integration_responses(), problems)


def _sent(identity: str) -> str:
    """Return the template for a success: 202 with the request's name, and an error without a message."""
    return (
        "#set($message = \"\")\n#set($message = $input.path('$.SendMessageResponse.SendMessageResult.MessageId'))\n"
        "#if($message.matches('[0-9a-fA-F-]{8,100}'))\n"
        + name_template(identity)
        + '{"id": "$execution"}\n'
        + "#else\n"
        + overriding_a_success(UPSTREAM)
        + "#end\n"
    )
