"""CodeDeploy's API, as far as it reads deployments and stops them; what is deployed with comes from templates.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/Welcome.html
"""

from collections.abc import Mapping

from pipeline.local.cloud.codedeploy.deployments import Deployments
from pipeline.local.cloud.codedeploy.groups import Groups
from pipeline.local.cloud.emulator import Call, Emulator, Json, Operation

OURS = ("shift", "stopping")
"""What of a deployment's record the API does not describe."""


def operations(emulator: Emulator) -> Mapping[str, Operation]:
    """List every operation by its name."""
    deployments, groups = emulator.part(Deployments), emulator.part(Groups)

    def application(call: Call) -> Json:
        return {"application": groups.application(call.parameters["applicationName"])}

    def group(call: Call) -> Json:
        found = groups.group(call.parameters["applicationName"], call.parameters["deploymentGroupName"])
        return {"deploymentGroupInfo": found}

    def group_names(call: Call) -> Json:
        name = call.parameters["applicationName"]
        return {"applicationName": name, "deploymentGroups": groups.names(name)}

    def configuration(call: Call) -> Json:
        return {"deploymentConfigInfo": groups.configuration(call.parameters["deploymentConfigName"])}

    def deployment(call: Call) -> Json:
        return {"deploymentInfo": _described(deployments.record(call.parameters["deploymentId"]))}

    def deployment_ids(call: Call) -> Json:
        wanted = {
            key: call.parameters[key] for key in ("applicationName", "deploymentGroupName") if key in call.parameters
        }
        statuses = call.parameters.get("includeOnlyStatuses") or []
        found = [
            record
            for record in deployments.records.values()
            if all(record[key] == value for key, value in wanted.items())
            and (not statuses or record["status"] in statuses)
        ]
        newest_first = sorted(found, key=lambda record: -float(record["createTime"]))
        return {"deployments": [record["deploymentId"] for record in newest_first]}

    def stop(call: Call) -> Json:
        deployments.stop(call.parameters["deploymentId"], rolls_back=bool(call.parameters.get("autoRollbackEnabled")))
        return {"status": "Pending", "statusMessage": "Deployment is being stopped"}

    return {
        "GetApplication": application,
        "GetDeployment": deployment,
        "GetDeploymentConfig": configuration,
        "GetDeploymentGroup": group,
        "ListApplications": lambda _call: {"applications": sorted(groups.applications)},
        "ListDeploymentGroups": group_names,
        "ListDeployments": deployment_ids,
        "StopDeployment": stop,
    }


def _described(record: Json) -> Json:
    return {key: value for key, value in record.items() if key not in OURS}
