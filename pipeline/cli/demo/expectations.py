"""What should come of each command of the walk-through, in the page's order; a sentence of what was found."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipeline.cli.demo.page import option

PARTNER_FAILURES = 5
"""After which the breaker of the platform's client opens: docs/enrichment.md."""
TRACE = re.compile(r"trace=(1-[0-9a-f]{8}-[0-9a-f]{24})")
CALL_OF_THE_STORE = re.compile(r"20[01]  (GET|PUT) \S+/datastore/\{id\}/r4/")
"""A resource that is there already, from an earlier time, is read and left as it is."""
CALL_OF_THE_PARTNER = re.compile(r"[45]0\d  GET https://\S+/v1/patients/\{id\}/coverage")
AT_ONCE, SOON, AFTER_RETRIES = 0.0, 60.0, 150.0
"""Seconds that a command is repeated until it says what it should."""


class Unmet(Exception):  # noqa: N818 - it may still come true
    """A command has not said what it should; says what is missing."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What came of a command."""

    exit_code: int
    out: str
    err: str = ""


@dataclass(kw_only=True)
class Story:
    """What later steps need of earlier ones."""

    resources: dict[str, Any] = field(default_factory=dict)
    """Path -> the resource that `records` should have there."""
    submission: str = ""
    """The last one's id."""
    facts: dict[str, Any] = field(default_factory=dict)
    """For machines."""


Check = Callable[[Story, str, Said], str]


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One command's."""

    of: str
    """How the command begins."""
    check: Check
    seconds: float = AT_ONCE


def expect(condition: object, otherwise: str) -> None:
    """Go on if it is so."""
    if not condition:
        raise Unmet(otherwise)


def posted(story: Story, command: str, said: Said) -> str:
    """intake took a resource, which `records` shall have."""
    resource = json.loads(option(command, "--body"))["resource"]
    sentence = taken(story, command, said)
    story.resources[f"{resource['resourceType']}/{resource['id']}"] = resource
    return sentence


def pill_posted(story: Story, command: str, said: Said) -> str:
    """intake took a resource that names somebody else; mended, it is the patient's own."""
    body = json.loads(option(command, "--body"))
    sentence = taken(story, command, said)
    story.resources[f"Patient/{body['patient']}"] = body["resource"] | {"id": body["patient"]}
    return sentence


def taken(story: Story, command: str, said: Said) -> str:
    """intake answered with an id."""
    del command
    expect(said.exit_code == 0, "intake did not take the submission")
    story.submission = str(json.loads(said.out)["id"])
    return f"intake has it, as {story.submission}."


def read(story: Story, command: str, said: Said) -> str:
    """`records` has what was posted, and nothing else but what the datastore adds."""
    path = option(command, "--path")
    expect(said.exit_code == 0, f"records has no {path}")
    found = json.loads(said.out)
    meta = found.pop("meta", {})
    expect(found == story.resources[path], f"{path} is not what was posted")
    story.facts.setdefault("read", []).append(path)
    return f"{path} is what was posted, version {meta.get('versionId')}."


def searched(story: Story, command: str, said: Said) -> str:
    """The search finds the patient, and says that it is complete."""
    del command
    expect(said.exit_code == 0, "records did not answer the search")
    answer = json.loads(said.out)
    found = [{name: value for name, value in each.items() if name != "meta"} for each in answer["resources"]]
    expect(story.resources["Patient/ada"] in found, "the search did not find Patient/ada")
    expect(answer["complete"], "the search is not complete")
    story.facts["found"] = len(found)
    return f"{len(found)} found, Patient/ada among them, and nothing was left out."


def quarantine_alarm(story: Story, command: str, said: Said) -> str:
    """The alarm of pills fires and names its page."""
    del story, command
    expect(
        "Consumer/InQuarantine: " in said.out and "docs/runbooks/ingest.md" in said.out, "no alarm tells of the pill"
    )
    return "Consumer/InQuarantine fires, and names docs/runbooks/ingest.md."


def pill_logged(story: Story, command: str, said: Said) -> str:
    """The log has the reason, and nothing of the payload."""
    del story, command
    expect("record quarantined" in said.out and "reason=AnotherPatient" in said.out, "the log has no pill")
    expect("Hopper" not in said.out, "the log has a name in it")
    return "The log says why, and where; it has no name."


def pill_waits(story: Story, command: str, said: Said) -> str:
    """A dry run shows it."""
    del command
    pills = said.out.count("QUARANTINED  ")
    expect(pills and said.exit_code == 1, "nothing is in quarantine")
    story.facts["quarantined"] = pills
    return f"{pills} in quarantine, with its payload and its place in the stream."


def pill_saved(story: Story, command: str, said: Said) -> str:
    """It is a file."""
    del story, command
    expect("Wrote " in said.out or "QUARANTINED  " in said.out, "no payload was saved")
    return "The payload is a file that its owner alone can read."


def done(story: Story, command: str, said: Said) -> str:
    """A command of the shell."""
    del story
    expect(said.exit_code == 0, f"it failed: {said.err.strip()}")
    return f"{command.split(maxsplit=1)[0]} did it."


def sent(story: Story, command: str, said: Said) -> str:
    """The mended payload was processed."""
    del command
    story.facts["sent"] = said.out.count("SENT  ")
    expect(story.facts["sent"], "the mended record was not sent")
    return "Sent, and processed."


def sent_before(story: Story, command: str, said: Said) -> str:
    """The second time nothing is sent."""
    del command
    story.facts["sent_again"] = said.out.count("SENT  ")
    expect("ALREADY  " in said.out, "the re-drive does not know what it has sent")
    expect(not story.facts["sent_again"], "a record was sent twice")
    return "Nothing was sent this time."


def partner_well(story: Story, command: str, said: Said) -> str:
    """No fault waits."""
    del story, command
    expect("It is well." in said.out, "the partner is still broken")
    return "The partner is well, and counts from 0."


def partner_broken(story: Story, command: str, said: Said) -> str:
    """A fault waits."""
    del story
    expect("It is broken." in said.out, "the partner is not broken")
    return f"The partner will answer {option(command, '--status')}."


def breaker_opened(story: Story, command: str, said: Said) -> str:
    """The partner was asked as often as the breaker lets it be."""
    del command
    asked = said.out.count("GET ")
    expect(asked >= PARTNER_FAILURES, f"the partner was asked {asked} times")
    expect(asked == PARTNER_FAILURES, f"the partner was asked {asked} times, and the breaker opens after five failures")
    story.facts["asked"] = asked
    return f"Asked {asked} times, all within the first tries: the breaker is open."


def compensated(story: Story, command: str, said: Said) -> str:
    """The change was undone, once."""
    del command
    about = _of_the_submission(story, said)
    undone = sum("outcome=RELEASED" in line for line in about)
    expect(undone, "the workflow is still trying")
    expect(undone == 1, f"the change was undone {undone} times")
    expect(not any("outcome=APPLIED" in line for line in about), "the change was applied")
    left_alone = sum("reason=PartnerLeftAlone" in line for line in about)
    story.facts |= {"released": undone, "left_alone": left_alone}
    return f"Undone, once; before that {left_alone} of the tries did not reach the partner."


def _of_the_submission(story: Story, said: Said) -> list[str]:
    return [line for line in said.out.splitlines() if f"change={story.submission}" in line]


def dead_letter_alarm(story: Story, command: str, said: Said) -> str:
    """The alarm of dead letters fires and names its page."""
    del story, command
    fires = "DeadLetters/Depth: " in said.out and "docs/runbooks/enrichment.md" in said.out
    expect(fires, "no alarm tells of the change that was not enriched")
    return "DeadLetters/Depth fires, and names docs/runbooks/enrichment.md."


def traced(story: Story, command: str, said: Said) -> str:
    """The last submission's trace leads to the datastore and to the partner."""
    del command
    expect(said.exit_code == 0, "there is no trace")
    expect(story.submission in said.out, "it is another submission's trace")
    calls = len(CALL_OF_THE_PARTNER.findall(said.out))
    expect(CALL_OF_THE_STORE.search(said.out), "the trace has no call of the datastore")
    expect(calls >= PARTNER_FAILURES, f"the trace has {calls} calls of the partner")
    story.facts |= {"trace": said.out.split()[0], "calls": calls}
    return f"Trace {story.facts['trace']} has ingest's calls of the datastore, and {calls} calls of the partner."


def traced_by_the_partner(story: Story, command: str, said: Said) -> str:
    """What the partner was told is the same trace, with each of its calls."""
    del command
    told = TRACE.findall(said.out)
    expect(set(told) == {story.facts["trace"]}, "the partner heard of another trace, or of none")
    expect(
        len(told) == story.facts["calls"], f"the partner was asked {len(told)} times, and the trace has another number"
    )
    return f"The partner was told the same trace, {len(told)} times."


def applied(story: Story, command: str, said: Said) -> str:
    """The change was enriched."""
    del command
    story.facts["applied"] = sum("outcome=APPLIED" in line for line in _of_the_submission(story, said))
    expect(story.facts["applied"], "the change is not enriched")
    return "Enriched: the breaker has closed by itself."


CALL, REDRIVE, PARTNER = "penstock call", "penstock redrive", "penstock partner"
EXPECTATIONS = (
    Expectation(of=CALL, check=posted),
    Expectation(of=CALL, check=read, seconds=SOON),
    Expectation(of=CALL, check=searched, seconds=SOON),
    Expectation(of=CALL, check=pill_posted),
    Expectation(of=CALL, check=posted),
    Expectation(of=CALL, check=read, seconds=SOON),
    Expectation(of=CALL, check=read),
    Expectation(of="penstock alarms", check=quarantine_alarm, seconds=SOON),
    Expectation(of="penstock logs", check=pill_logged, seconds=SOON),
    Expectation(of=REDRIVE, check=pill_waits),
    Expectation(of=REDRIVE, check=pill_saved),
    Expectation(of="sed", check=done),
    Expectation(of=REDRIVE, check=sent),
    Expectation(of=REDRIVE, check=sent_before),
    Expectation(of=CALL, check=read),
    Expectation(of="rm", check=done),
    Expectation(of=PARTNER, check=partner_well),
    Expectation(of=PARTNER, check=partner_broken),
    Expectation(of=PARTNER, check=partner_broken),
    Expectation(of=CALL, check=posted),
    Expectation(of=PARTNER, check=breaker_opened, seconds=AFTER_RETRIES),
    Expectation(of="penstock logs", check=compensated, seconds=AFTER_RETRIES),
    Expectation(of="penstock alarms", check=dead_letter_alarm, seconds=SOON),
    Expectation(of="penstock trace", check=traced),
    Expectation(of=PARTNER, check=traced_by_the_partner),
    Expectation(of=PARTNER, check=partner_well),
    Expectation(of=CALL, check=posted),
    Expectation(of="penstock logs", check=applied, seconds=AFTER_RETRIES),
)
