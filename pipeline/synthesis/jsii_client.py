"""A faster client of jsii's kernel, through which Python makes the CDK's constructs: docs/decisions/0022.

jsii's own client sends each call through a second Node process, checks the types of all arguments before it and takes
each message through a general converter. This one does without, and remembers what a construct never changes.
"""

import atexit
import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, TypeVar

import attr
import jsii
from jsii import _reference_map
from jsii._kernel import types
from jsii._kernel.providers.process import ProcessProvider, _NodeProcess, jdefault, ohook
from jsii._runtime import python_jsii_mapping
from jsii.errors import ErrorType, JavaScriptError, JSIIError

from pipeline.synthesis.argument_checks import DeferredChecks

VERSION: Final = "1.142.0"
"""The version of jsii that this was written for and is tested with: what is replaced is private to it."""
SWITCH: Final = "PENSTOCK_JSII"
STOCK: Final = "stock"
"""The value of the switch with which jsii stays as it is."""
DIAGNOSTICS: Final = ("JSII_RUNTIME", "JSII_HOST_STACK_TRACES")
"""jsii's own settings that only its own client knows."""
API_DESCRIPTOR: Final = 3
"""Where the kernel's program expects its client."""
API: Final = {
    types.LoadRequest: "load",
    types.GetScriptCommandRequest: "getBinScriptCommand",
    types.CreateRequest: "create",
    types.DeleteRequest: "del",
    types.GetRequest: "get",
    types.StaticGetRequest: "sget",
    types.SetRequest: "set",
    types.StaticSetRequest: "sset",
    types.InvokeRequest: "invoke",
    types.StaticInvokeRequest: "sinvoke",
    types.BeginRequest: "begin",
    types.StaticBeginRequest: "sbegin",
    types.EndRequest: "end",
    types.CallbacksRequest: "callbacks",
    types.CompleteRequest: "complete",
    types.StatsRequest: "stats",
}
"""The request -> what the kernel calls it."""
VALUES: Final = frozenset(
    {
        "aws-cdk-lib.Duration",
        "aws-cdk-lib.aws_apigateway.ResponseType",
        "aws-cdk-lib.aws_cloudwatch_actions.SnsAction",
        "aws-cdk-lib.aws_iam.ServicePrincipal",
    }
)
"""Classes whose objects never change and are in no tree: one that was made before is as good as another like it."""
CONSTANTS: Final = frozenset(
    {
        ("aws-cdk-lib.Stack", "region"),
        ("aws-cdk-lib.aws_kms.Key", "keyArn"),
        ("constructs.Node", "addr"),
        ("constructs.Node", "id"),
        ("constructs.Node", "path"),
    }
)
"""Properties that a constructor sets and nothing sets again. (So is a construct's node, whatever its class.)"""
STRUCT: Final = "Object@"
"""The beginning of a reference to a struct, or to an object that has no other type than its interfaces."""
STACK_OF: Final = ("aws-cdk-lib.Stack", "of")
Answer = TypeVar("Answer")


def enable() -> None:
    """Use this client from now on. Call it before anything imports aws_cdk, which starts the kernel."""
    if os.environ.get(SWITCH) == STOCK or any(name in os.environ for name in DIAGNOSTICS):
        return
    if jsii.__version__ != VERSION:
        sys.stderr.write(f"jsii is {jsii.__version__}, the faster client is for {VERSION}: jsii's own is used.\n")
        return
    if "constructs" in sys.modules:
        raise RuntimeError("jsii's kernel runs already: jsii_client.enable() must come before any import of aws_cdk.")
    jsii.kernel.provider = provider = Provider()
    provider.checks.install()


class Provider(ProcessProvider):
    """What jsii's Kernel calls, with a process of our own."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, ...], Any] = {}
        self._struct, self._read = types.ObjRef(ref=""), dict[str, Any]()
        self.checks = DeferredChecks()

    @cached_property
    def _process(self) -> "KernelProcess":
        process = KernelProcess(self.checks)
        process.start()
        return process

    def create(self, request: types.CreateRequest) -> types.CreateResponse:
        """Make an object, or take an equal one if it is a value."""
        if request.fqn not in VALUES or request.overrides:
            return super().create(request)
        return self._once((request.fqn, _encode(request.args)), lambda: super(Provider, self).create(request))

    def get(self, request: types.GetRequest) -> types.GetResponse:
        """Return a property of an object, from memory if it never changes."""
        ref, name = request.objref.ref, request.property
        if ref.startswith(STRUCT):
            return self._of_struct(request.objref, name) or super().get(request)
        if name == "node" or (ref.partition("@")[0], name) in CONSTANTS:
            return self._once((ref, name), lambda: super(Provider, self).get(request))
        return super().get(request)

    def sinvoke(self, request: types.StaticInvokeRequest) -> types.InvokeResponse:
        """Call a static method, or return what it returned before if that is a value or a construct's stack."""
        call = (request.fqn, request.method)
        if request.fqn in VALUES or call == STACK_OF:
            return self._once((*call, _encode(request.args)), lambda: super(Provider, self).sinvoke(request))
        return super().sinvoke(request)

    def _of_struct(self, struct: types.ObjRef, name: str) -> types.GetResponse | None:
        """Return a property of a struct that the kernel kept. jsii's client reads all of them, one after the other."""
        if struct.ref != self._struct.ref:
            names = sorted(set(_properties(struct)))
            answers = self._process.send_all([types.GetRequest(objref=struct, property=each) for each in names])
            self._struct, self._read = struct, dict(zip(names, answers, strict=True))
        answer = self._read.get(name)
        return types.GetResponse(**answer["ok"]) if answer is not None and "ok" in answer else None

    def _once(self, key: tuple[str, ...], call: Callable[[], Answer]) -> Answer:
        """Make a call whose answer stays the same, unless it was made. What asks Python first is not remembered."""
        known: Answer | None = self._answers.get(key)
        if known is not None:
            return known
        answer = call()
        if not isinstance(answer, types.Callback):
            self._answers[key] = answer
        return answer


class KernelProcess(_NodeProcess):
    """jsii's kernel in a process of its own, connected to this one directly."""

    def __init__(self, checks: DeferredChecks) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # jsii's own has no annotations
        self._checks = checks

    def start(self) -> None:
        """Start the kernel's program as jsii's relay process does, with a socket as its API channel."""
        program = Path(self._jsii_runtime()).parent.parent / "lib/program.js"
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [os.environ.get("JSII_NODE", "node"), "--max-old-space-size=4069", "--preserve-symlinks", program],
            stdin=subprocess.DEVNULL,
            env=os.environ | {"JSII_AGENT": f"Python/{platform.python_version()}"},
            close_fds=False,  # Python's own are closed anyway, and this one must not be
            preexec_fn=partial(os.dup2, theirs.fileno(), API_DESCRIPTOR),  # noqa: PLW1509 - no thread runs yet
        )
        theirs.close()
        self._socket = ours
        self._answers = ours.makefile("rb", buffering=2**16)
        self._ctx_stack.callback(self._wait)
        self._ctx_stack.enter_context(ours)
        self._ctx_stack.enter_context(self._answers)
        atexit.register(self.stop)
        self.handshake()

    def stop(self) -> None:
        """Close the channel, upon which the kernel ends. Nothing happens if that was done."""
        atexit.unregister(self.stop)
        self._ctx_stack.close()

    def send(self, request: Any, response_type: type[Any]) -> Any:
        """Make a call, and return its result or the call that the kernel makes of Python before that."""
        try:
            self._socket.sendall(_encode(_message(request)).encode() + b"\n")
        except BrokenPipeError:
            self._fail()
        answer = self._next_message()
        if "error" in answer:
            self._checks.make_up()
            error = JSIIError if answer["name"] == ErrorType.JSII_FAULT.value else RuntimeError
            trace = JavaScriptError(answer.get("stack"))  # type: ignore[no-untyped-call]  # as above
            raise error(answer["error"]) from trace
        self._checks.forget()
        if "ok" in answer:
            return _result(answer["ok"], response_type)
        return _callback(answer["callback"])

    def send_all(self, requests: list[types.GetRequest]) -> list[Any]:
        """Ask for some properties at once, and return the answers: most of what a call takes is the waiting."""
        self._socket.sendall("".join(f"{_encode(_message(each))}\n" for each in requests).encode())
        return [self._next_message() for _ in requests]

    def _next_message(self) -> Any:
        line = self._answers.readline()
        if not line:
            self._fail()
        return _decode_objects(line) if b'"$jsii.' in line else json.loads(line)

    def _fail(self) -> None:
        code = self._process.wait()
        raise JSIIError(f"jsii's kernel, the Node process {self._process.pid}, ended unasked with {code}.")

    def _wait(self) -> None:
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.terminate()


def _properties(struct: types.ObjRef) -> Iterator[str]:
    """List the properties of a struct's types; of what has a behavior, none."""
    known = _reference_map._data_types  # noqa: SLF001 - by which jsii tells structs, too
    kinds = struct.interfaces or []
    for kind in kinds if all(each in known for each in kinds) else ():
        yield from (python_jsii_mapping(known[kind]) or {}).values()


def _message(request: Any) -> dict[str, Any]:
    fields = {name: getattr(request, name) for name in request.__slots__ if not name.startswith("_")}
    name = API.get(type(request))
    return fields if name is None else {"api": name, **fields}


def _encodable(value: Any) -> Any:
    """Return what stands for an object in a message."""
    if isinstance(value, types.ObjRef):
        reference = {"$jsii.byref": value.ref}
        return reference | {"$jsii.interfaces": value.interfaces} if value.interfaces else reference
    if attr.has(type(value)):
        return attr.asdict(value, recurse=False)
    return jdefault(value)  # type: ignore[no-untyped-call]  # as above


def _result(value: Any, response_type: type[Any]) -> Any:
    if isinstance(value, types.ObjRef):
        return response_type(ref=value.ref)
    if response_type is types.CallbacksResponse:
        return response_type(callbacks=[_callback(each) for each in value["callbacks"]])
    return response_type(**value)


def _callback(given: dict[str, Any]) -> types.Callback:
    kinds = {"invoke": types.InvokeRequest, "get": types.GetRequest, "set": types.SetRequest}
    call = {name: kind(**given[name]) for name, kind in kinds.items() if given.get(name)}
    return types.Callback(cbid=given["cbid"], cookie=given["cookie"], **call)


_encode = json.JSONEncoder(default=_encodable, check_circular=False, separators=(",", ":")).encode
_decode_objects = partial(json.loads, object_hook=ohook)
