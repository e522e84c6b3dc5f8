"""Encryption at rest, with a key of the service's own, and in transit."""

from collections.abc import Callable, Iterator, Mapping

from services.library.cloudformation.intrinsics import entries, list_items, possible_documents, values_at
from services.library.cloudformation.template import Resource, Template
from services.library.cloudformation.values import is_open, named_resources
from services.library.guardrails.baseline.guard import AWS_KEY, ENCRYPTION, NO_KEY, UNKNOWN, Guards, Level, key, switch
from services.library.guardrails.baseline.policies import POLICIES, certain, refuses_plain_text

OWN_KEY: Level = (2, "own-key")
ON: Level = (1, "on")

KEYS: tuple[tuple[str, str, Level, Level | None], ...] = (
    # Type, property, what it is without, the baseline. None: no less than without the override.
    ("AWS::SNS::Topic", "KmsMasterKeyId", NO_KEY, OWN_KEY),
    ("AWS::Logs::LogGroup", "KmsKeyId", AWS_KEY, OWN_KEY),
    ("AWS::Events::EventBus", "KmsKeyIdentifier", AWS_KEY, OWN_KEY),
    ("AWS::Events::Archive", "KmsKeyIdentifier", AWS_KEY, OWN_KEY),
    ("AWS::Backup::BackupVault", "EncryptionKeyArn", AWS_KEY, OWN_KEY),
    ("AWS::CodeBuild::Project", "EncryptionKey", AWS_KEY, OWN_KEY),
    ("AWS::SecretsManager::Secret", "KmsKeyId", AWS_KEY, None),
    ("AWS::Lambda::Function", "KmsKeyArn", AWS_KEY, None),
    ("AWS::StepFunctions::StateMachine", "EncryptionConfiguration.KmsKeyId", AWS_KEY, None),
    ("AWS::ECR::Repository", "EncryptionConfiguration.KmsKey", AWS_KEY, None),
    (
        "AWS::HealthLake::FHIRDatastore",
        "SseConfiguration.KmsEncryptionConfig.KmsKeyId",
        AWS_KEY,
        OWN_KEY,
    ),
)
SWITCHES: tuple[tuple[str, str], ...] = (
    ("AWS::KMS::Key", "EnableKeyRotation"),
    ("AWS::EFS::FileSystem", "Encrypted"),
    ("AWS::EC2::Volume", "Encrypted"),
    ("AWS::RDS::DBCluster", "StorageEncrypted"),
    ("AWS::DocDB::DBCluster", "StorageEncrypted"),
    ("AWS::Neptune::DBCluster", "StorageEncrypted"),
    ("AWS::Redshift::Cluster", "Encrypted"),
    ("AWS::ElastiCache::ReplicationGroup", "AtRestEncryptionEnabled"),
    ("AWS::ElastiCache::ReplicationGroup", "TransitEncryptionEnabled"),
    ("AWS::OpenSearchService::Domain", "EncryptionAtRestOptions.Enabled"),
    ("AWS::OpenSearchService::Domain", "NodeToNodeEncryptionOptions.Enabled"),
    ("AWS::OpenSearchService::Domain", "DomainEndpointOptions.EnforceHTTPS"),
)
TLS_ALONE: Mapping[str, str] = {
    # Whose policies keep plain text out, and the actions that they must refuse.
    "AWS::S3::Bucket": "s3:*",
    "AWS::SQS::Queue": "sqs:*",
    "AWS::SNS::Topic": "sns:Publish",
}


def collect(guards: Guards) -> None:
    """The guards of one template."""
    template = guards.template
    for type_, path, absent, floor in KEYS:
        for resource in template.resources(type_):
            guards.read(ENCRYPTION, resource, path, key(absent, template), floor=floor and _at_rest(guards))
    for type_, path in SWITCHES:
        for resource in template.resources(type_):
            if not (type_ == "AWS::KMS::Key" and _never_rotates(resource)):
                guards.read(ENCRYPTION, resource, path, switch(), floor=ON)
    for type_, collector in OTHERS.items():
        for resource in template.resources(type_):
            collector(guards, resource)
    for type_ in TLS_ALONE:
        for resource in template.resources(type_):
            level = ON if _is_reached_over_tls_alone(resource, template) else (0, "off")
            guards.add(ENCRYPTION, resource, "TlsAlone", [level], floor=ON, locations=("Properties",))


def _at_rest(guards: Guards) -> Level:
    """A service has keys of its own; the pipeline's own stacks hold nothing of anybody's outside its artifact store."""
    return AWS_KEY if guards.place.tier is None else OWN_KEY


def _never_rotates(resource: Resource) -> bool:
    """Asymmetric and HMAC keys cannot. https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html"""
    return str(resource.properties.get("KeySpec", "SYMMETRIC_DEFAULT")) != "SYMMETRIC_DEFAULT"


def _bucket(guards: Guards, bucket: Resource) -> None:
    """S3 encrypts whatever it is told; what differs is whose key."""
    template = guards.template
    path = "BucketEncryption.ServerSideEncryptionConfiguration"
    levels = [_bucket_level(rule, template) for rule in list_items(bucket.properties, path, template)]
    if not levels or None in values_at(bucket.properties, path, template):
        levels.append(AWS_KEY)
    floor = AWS_KEY if _holds_access_logs(bucket, template) else _at_rest(guards)
    guards.add(ENCRYPTION, bucket, "BucketEncryption", levels, floor=floor)


def _bucket_level(rule: object, template: Template) -> Level:
    if not isinstance(rule, Mapping):
        return AWS_KEY
    algorithms = values_at(rule, "ServerSideEncryptionByDefault.SSEAlgorithm", template)
    if not all(str(each).startswith("aws:kms") for each in algorithms):
        return AWS_KEY
    keys = values_at(rule, "ServerSideEncryptionByDefault.KMSMasterKeyID", template)
    return min((key(AWS_KEY, template)(each) for each in keys), key=lambda level: level[0])


def _holds_access_logs(bucket: Resource, template: Template) -> bool:
    """S3 delivers access logs to no bucket whose default encryption is a KMS key: guardrails/not_applicable.py."""
    return any(
        template.named_by(value) == bucket
        for each in template.resources("AWS::S3::Bucket")
        for value in values_at(each.properties, "LoggingConfiguration.DestinationBucketName", template)
    )


def _queue(guards: Guards, queue: Resource) -> None:
    template = guards.template
    managed = values_at(queue.properties, "SqsManagedSseEnabled", template)
    without = AWS_KEY if all(switch(absent=True)(each)[0] for each in managed) else NO_KEY
    guards.read(ENCRYPTION, queue, "KmsMasterKeyId", key(without, template), floor=_at_rest(guards))


def _table(guards: Guards, table: Resource) -> None:
    template = guards.template
    on = all(switch()(each)[0] for each in values_at(table.properties, "SSESpecification.SSEEnabled", template))
    keys = [
        key(AWS_KEY, template)(each)
        for holder in _replicas(table, template)
        for each in values_at(holder, "SSESpecification.KMSMasterKeyId", template)
    ]
    levels = (keys or [(0, UNKNOWN)]) if on else [NO_KEY]
    guards.add(ENCRYPTION, table, "SSESpecification", levels, floor=_at_rest(guards))


def _replicas(table: Resource, template: Template) -> Iterator[Mapping[str, object]]:
    """Where a table's keys stand: a global one has them in its replicas."""
    if table.type == "AWS::DynamoDB::Table":
        yield table.properties
        return
    for each in entries(table.properties.get("Replicas"), template):
        yield each if isinstance(each, Mapping) else {}


def _stream(guards: Guards, stream: Resource) -> None:
    template = guards.template
    kinds = values_at(stream.properties, "StreamEncryption.EncryptionType", template)
    keys = [key(NO_KEY, template)(each) for each in values_at(stream.properties, "StreamEncryption.KeyId", template)]
    on = all(each == "KMS" for each in kinds)
    guards.add(ENCRYPTION, stream, "StreamEncryption", keys if on else [NO_KEY], floor=_at_rest(guards))


def _function(guards: Guards, function: Resource) -> None:
    """Lambda itself makes a log group with no key of ours where a function names none."""
    template = guards.template
    levels: list[Level] = []
    for named in values_at(function.properties, "LoggingConfig.LogGroup", template):
        group = template.named_by(named)
        if group is not None:
            levels += [key(AWS_KEY, template)(each) for each in values_at(group.properties, "KmsKeyId", template)]
        else:
            levels.append(NO_KEY if named is None else AWS_KEY)
    guards.add(ENCRYPTION, function, "LoggingConfig", levels, floor=_at_rest(guards), everywhere=False)


def _listener(guards: Guards, listener: Resource) -> None:
    """One that only redirects to HTTPS is there for those who forgot it."""
    template = guards.template
    further = (
        rule.properties.get("Actions")
        for rule in template.resources("AWS::ElasticLoadBalancingV2::ListenerRule")
        if listener.logical_id in named_resources(rule.properties.get("ListenerArn"))
    )
    redirects = [
        values_at(action, "RedirectConfig.Protocol", template) if isinstance(action, Mapping) else []
        for actions in (listener.properties.get("DefaultActions"), *further)
        for action in entries(actions, template)
    ]
    if not redirects or any(each != ["HTTPS"] for each in redirects):
        guards.read(ENCRYPTION, listener, "Protocol", switch("https", "tls"), floor=ON)


def _subscription(guards: Guards, subscription: Resource) -> None:
    """One over plain HTTP sends whatever the topic gets."""

    def level(value: object) -> Level:
        return (0, UNKNOWN) if is_open(value) else (0, "http") if value == "http" else (1, str(value))

    guards.read(ENCRYPTION, subscription, "Protocol", level, floor=(1, "https"))


def _domain(guards: Guards, domain: Resource) -> None:
    guards.read(ENCRYPTION, domain, "SecurityPolicy", switch("tls_1_2", absent=True))


def _is_reached_over_tls_alone(resource: Resource, template: Template) -> bool:
    """By each policy that may be for it, since one takes the place of another, and by one that is."""
    policies = [
        (policy, policy.properties.get(naming))
        for type_, naming in POLICIES[resource.type].items()
        for policy in template.resources(type_)
        if any(_names(each, resource, template) for each in entries(policy.properties.get(naming), template))
    ]
    return all(
        any(refuses_plain_text(each, resource, TLS_ALONE[resource.type]) for each in statements)
        for policy, _ in policies
        for statements in certain(policy.properties.get("PolicyDocument"), template)
    ) and any(
        policy.body.get("Condition") in (None, resource.body.get("Condition"))
        and all(
            any(_names(each, resource, template) for each in entries(document, template))
            for document in possible_documents(named, template)
        )
        for policy, named in policies
    )


def _names(value: object, resource: Resource, template: Template) -> bool:
    physical = resource.properties.get("BucketName")
    return template.named_by(value) == resource or (physical is not None and value == physical)


OTHERS: Mapping[str, Callable[[Guards, Resource], None]] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::SQS::Queue": _queue,
    "AWS::DynamoDB::Table": _table,
    "AWS::DynamoDB::GlobalTable": _table,
    "AWS::Kinesis::Stream": _stream,
    "AWS::Lambda::Function": _function,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::ApiGateway::DomainName": _domain,
    "AWS::SNS::Subscription": _subscription,
}
