import json

import pytest

from pipeline.local.cloud.codebuild.buildspec import BuildspecError, Output, Phase, parse

BUILD = "phases:\n  build:\n    commands: [make]\n"


def test_cdk_pipelines_own_form_is_read() -> None:
    text = json.dumps(
        {
            "version": "0.2",
            "phases": {"install": {"commands": ["npm ci"]}, "build": {"commands": ["make synth"]}},
            "artifacts": {"base-directory": "cdk.out", "files": "**/*"},
        },
        indent=2,
    )
    buildspec = parse(text)
    assert buildspec.phases == {"install": Phase(commands=("npm ci",)), "build": Phase(commands=("make synth",))}
    assert buildspec.artifacts == Output(files=("**/*",), base_directory="cdk.out")
    assert buildspec.shell == "sh", "the default shell of AWS's images is sh"


def test_everything_documented_is_read() -> None:
    buildspec = parse(
        """
        version: 0.2
        env:
          shell: bash
          variables: {COUNT: 3, ON: true}
          parameter-store: {TOKEN: /token}
          secrets-manager: {PASSWORD: "secret:key"}
          exported-variables: [COUNT]
        phases:
          install:
            runtime-versions: {python: 3.13}
          build:
            on-failure: CONTINUE
            commands: [one, 2]
            finally: [last]
        reports: {unit: {files: x}}
        artifacts:
          files: [a, "b/*"]
          discard-paths: yes
          exclude-paths: "**/*.log"
          enable-symlinks: yes
          name: named
          secondary-artifacts: {other: {files: [c]}}
        cache: {paths: ["node_modules/**/*"]}
        """
    )
    assert (buildspec.shell, buildspec.exported) == ("bash", ("COUNT",))
    assert buildspec.variables == {"COUNT": "3", "ON": "true"}
    assert buildspec.phases["build"] == Phase(commands=("one", "2"), after=("last",), on_failure="CONTINUE")
    assert buildspec.artifacts == Output(
        files=("a", "b/*"), discard_paths=True, exclude_paths=("**/*.log",), name="named", keep_symlinks=True
    )
    assert buildspec.secondary_artifacts == {"other": Output(files=("c",))}
    assert buildspec.cache_paths == ("node_modules/**/*",)
    assert buildspec.notes == (
        "buildspec: reports has no effect on this machine",
        "runtime-versions: this machine's own python is used, not 3.13",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a list", "expected a mapping"),
        (BUILD, "version: expected 0.2, got none"),
        ("version: 0.1\n" + BUILD, "version: expected 0.2, got 0.1"),
        ("version: 0.2", "phases: at least one"),
        ("version: 0.2\nphases: {biuld: {commands: [make]}}", "biuld is not one of"),
        ("version: 0.2\nphases: {build: {comands: [make]}}", "phases/build/commands: at least one"),
        ("version: 0.2\nphases: {build: {commands: [{echo: hi}]}}", "needs quotes"),
        ("version: 0.2\nphases: {build: {commands: [make], on-failure: RETRY}}", "ABORT and CONTINUE are emulated"),
        ("version: 0.2\nenv: {shell: powershell.exe}\n" + BUILD, "bash and /bin/sh exist"),
        ("version: 0.2\nenv: {variables: {A-B: 1}}\n" + BUILD, "A-B is not a variable's name"),
        ("version: 0.2\nenv: {exported-variables: ['$(x)']}\n" + BUILD, "not a variable's name"),
        ("version: 0.2\nartifacts: {files: [a], discard-paths: maybe}\n" + BUILD, "expected yes or no"),
        ("version: 0.2\nartifacts: {secondary-artifacts: {a: {}}}\n" + BUILD, "at least one location"),
    ],
)
def test_a_broken_buildspec_is_refused_by_the_place_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(BuildspecError) as error:
        parse(text)
    assert message in str(error.value)
