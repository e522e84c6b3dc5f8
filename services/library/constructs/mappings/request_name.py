"""The name of a request, by which its client tracks it, and by which a retry is recognised as the same request.

- **A key names one execution for its caller.** The name is the caller's stable id and the key, so two callers may use
  one key and never meet. A role's id is its own without the session: a session's name changes with every retry of some
  clients.
- **Without a key** each request has a name of its own, after `$context.extendedRequestId`, since "clients can override"
  `$context.requestId`.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from services.library.constructs.mappings.problem import Problem

IDEMPOTENCY_HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY_PATTERN = "[A-Za-z0-9_-]{16,43}"
"""UUID, ULID, a hash up to base64url of SHA-256: what fits in a name of 80 characters beside the caller's id."""
IAM_CALLER = "$!context.identity.caller"
"""The stable identity under AWS_IAM: `AIDA...` for a user, `AROA...:session` for a role, the account for its root."""
USER_POOL_CALLER = "$!context.authorizer.claims.sub"
"""The stable identity of who signed in with a user pool: a UUID, or the client's own id in its own access token.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
"""
ISSUER_CALLER = "$!context.authorizer.principalId"
"""The stable identity of whom another issuer's token is about: a digest, which the library's authorizer makes."""
ANYBODY = "anybody"
"""The one identity of all callers of an API that asks for none: they share their keys."""
REFUSED = "*"
"""The name of a request whose key or caller is malformed. It is never part of a name, so every service refuses it."""

BAD_KEY = Problem(
    status=400, title="Bad idempotency key", detail=f"{IDEMPOTENCY_HEADER} must match {IDEMPOTENCY_KEY_PATTERN}."
)


def name_template(identity: str, *, keys: bool = True) -> str:
    """Return Velocity that sets `$execution` to the name; `identity` is a quiet reference to the owner of a key.

    Without `keys` every request has a name of its own.
    """
    return (
        (header_template("key", IDEMPOTENCY_HEADER) if keys else '#set($key = "")\n')
        + f'#set($caller = "{identity}")\n'
        + '#set($caller = $caller.replaceAll(":.*", ""))\n'
        + ('#set($caller = $caller.replaceAll("-", ""))\n' if identity == USER_POOL_CALLER else "")
        # The separators tell the two kinds of name apart, whatever the key: an identity has neither.
        + "#if(!$caller.matches('[A-Za-z0-9]{1,36}'))\n"
        + f'#set($execution = "{REFUSED}")\n'
        + '#elseif($key == "")\n'
        + "#set($request = $context.extendedRequestId.replaceAll('[^A-Za-z0-9_-]', \"\"))\n"
        + '#set($execution = "${caller}_${request}")\n'
        + f"#elseif($key.matches('{IDEMPOTENCY_KEY_PATTERN}'))\n"
        + '#set($execution = "${caller}-${key}")\n'
        + "#else\n"
        + f'#set($execution = "{REFUSED}")\n'
        + "#end\n"
    )


def refusing_template(limit_bytes: int) -> str:
    """Return Velocity that makes a request's name invalid if its payload is over the limit, so that it is refused."""
    return over_the_limit_template(limit_bytes) + f'#if($large)\n#set($execution = "{REFUSED}")\n#end\n'


def over_the_limit_template(limit_bytes: int) -> str:
    """Return Velocity that sets `$large` to whether the request says that its payload is over the limit."""
    size = str(limit_bytes)
    digits = len(size)
    return (
        header_template("length", "Content-Length")
        + "#set($large = false)\n"
        # As text: of numbers of as many digits the greater one comes later.
        + f'#if($length.length() > {digits} || ($length.length() == {digits} && $length.compareTo("{size}") > 0))\n'
        + "#set($large = true)\n#end\n"
    )


def header_template(variable: str, name: str) -> str:
    """Return Velocity that reads a header in any case: "Header names ... are processed in a case-sensitive way"."""
    return (
        f'#set(${variable} = "")\n'
        "#foreach($name in $input.params().header.keySet())\n"
        f'#if($name.equalsIgnoreCase("{name}"))\n'
        f"#set(${variable} = $input.params().header.get($name))\n"
        "#end\n#end\n"
    )


def execution_name(caller: str, key: str) -> str:
    """Return the name of the execution that a caller's key started."""
    return f"{caller.partition(':')[0]}-{key}"
