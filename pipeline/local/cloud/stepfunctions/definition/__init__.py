"""What Step Functions refuses of a definition: `checks.problems`. Pure; no module here knows the cloud.

https://states-language.net/spec.html
https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
"""
