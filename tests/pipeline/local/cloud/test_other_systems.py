"""What functions find beside AWS's services: a way out, X-Ray's daemon, Datadog's layer, and the trace they are in."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.conftest import FreshCloud
from tests.testbed.functions import ACCOUNT, REGION, Functions, until
from tests.testbed.partner import LocalPartner
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

CALLS = """
import json, os, ssl, urllib.request

def handle(event, context):
    proxy = urllib.request.ProxyHandler({"https": os.environ["HTTPS_PROXY"]})
    trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
    with urllib.request.build_opener(proxy, trust).open("https://api.example.com/v1/patients/p-9/coverage") as answer:
        return json.load(answer)
"""
TELLS = """
import json, os, socket

def handle(event, context):
    trace = dict(part.split("=") for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    times = {"start_time": event, "end_time": event + 1}
    document = {"id": "53995c3f42cd8ad8", "trace_id": trace["Root"], "name": "n", **times}
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    packet = '{"format": "json", "version": 1}\\n' + json.dumps(document)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(packet.encode(), (host, int(port)))
    return trace
"""
LAYER = "arn:aws:lambda:us-east-1:464622532012:layer:Datadog-Python314-ARM:130"


def test_every_https_host_is_the_partner_and_its_tls_is_verified(cloud: LocalCloud) -> None:
    partner = LocalPartner(cloud)
    partner.control(clear=True)
    answer, _ = Functions(cloud).run(CALLS)
    assert answer["patient"] == "p-9"
    assert [request["headers"]["host"] for request in partner.requests("p-9")] == ["api.example.com"]


def test_a_fault_that_there_is_not_is_answered_with_those_that_there_are(cloud: LocalCloud) -> None:
    with pytest.raises(OSError, match="400"):
        LocalPartner(cloud).fails("sloww")


def test_a_span_that_the_daemon_takes_is_read_by_its_trace(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon"""
    now = time.time()
    trace, _ = Functions(cloud).run(TELLS, now, TracingConfig={"Mode": "Active"})
    xray = cloud.client("xray", ACCOUNT, REGION)
    (found,) = until(lambda: xray.batch_get_traces(TraceIds=[trace["Root"]])["Traces"], bool)
    assert (found["Id"], found["Duration"]) == (trace["Root"], 1.0)
    assert json.loads(found["Segments"][0]["Document"])["name"] == "n"
    summaries = xray.get_trace_summaries(StartTime=now - 1, EndTime=now + 1)["TraceSummaries"]
    assert trace["Root"] in {summary["Id"] for summary in summaries}


def test_segments_that_are_none_are_told(cloud: LocalCloud) -> None:
    """ "UnprocessedTraceSegments": https://docs.aws.amazon.com/xray/latest/api/API_PutTraceSegments.html"""
    xray = cloud.client("xray", ACCOUNT, REGION)
    good = json.dumps({"id": "a", "trace_id": "1-6b0557b4-000000000000000000000009", "name": "n", "start_time": 1.0})
    answer = xray.put_trace_segments(TraceSegmentDocuments=["{", "{}", good])
    assert [each["ErrorCode"] for each in answer["UnprocessedTraceSegments"]] == ["ParseError", "MissingId"]
    assert xray.batch_get_traces(TraceIds=["1-6b0557b4-000000000000000000000009"])["Traces"]


def test_datadogs_layer_is_the_locked_release_and_other_layers_of_strangers_are_nothing(cloud: LocalCloud) -> None:
    code = "import ddtrace, os\n\ndef handle(event, context):\n    return [ddtrace.__version__, os.environ[event]]\n"
    functions = Functions(cloud)
    assert functions.run(code, "DD_FLUSH_TO_LOG", Layers=[LAYER])[0] == ["4.16.0", "true"]
    answer, _ = functions.run(code, "DD_FLUSH_TO_LOG", Layers=[LAYER.replace("Python", "Node")])
    assert answer["errorType"] == "Runtime.ImportModuleError"


def test_the_functions_of_an_execution_are_in_its_trace(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html, `traceHeader`"""
    functions = Functions(cloud)
    name = functions.make("import os\n\ndef handle(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n")
    states = cloud.client("stepfunctions", ACCOUNT, REGION)
    resource = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": resource, "End": True}}}
    machine = states.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=role(cloud, "states", "states.amazonaws.com")
    )["stateMachineArn"]
    root = "Root=1-6b0557b4-00000000000000000000000a"
    execution = states.start_execution(stateMachineArn=machine, traceHeader=root)["executionArn"]
    closed = until(lambda: states.describe_execution(executionArn=execution), lambda found: "output" in found)
    assert json.loads(closed["output"]).startswith(f"{root};Parent=")


@pytest.mark.parametrize("service", ["partner", "xray", "datadog"])
def test_without_the_service_there_is_nothing(service: str, fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud(without=(service,))
    functions = Functions(cloud)
    if service == "partner":
        assert functions.run(CALLS)[0]["errorType"] == "KeyError"
    elif service == "xray":
        assert functions.run(TELLS, 1.0, TracingConfig={"Mode": "Active"})[0]["errorType"] == "KeyError"
        with pytest.raises(ClientError):
            cloud.client("xray", ACCOUNT, REGION).batch_get_traces(TraceIds=["1-6b0557b4-000000000000000000000009"])
    else:
        answer, _ = functions.run("import ddtrace\n\ndef handle(event, context):\n    return 1\n", Layers=[LAYER])
        assert answer["errorType"] == "Runtime.ImportModuleError"
