"""Cases of data: what replaces, deletes, keeps or orphans a store."""

from pipeline.review.tests.cases.case import Json, case, resource, template


def table(key: str = "id", **attributes: Json) -> Json:
    return resource(
        "DynamoDB::Table",
        {
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
        **attributes,
    )


def bucket(name: Json = None, **attributes: Json) -> Json:
    return resource("S3::Bucket", {"BucketName": name} if name else {}, **attributes)


def cluster(**attributes: Json) -> Json:
    return resource("RDS::DBCluster", {"Engine": "aurora-postgresql"}, **attributes)


def database(**properties: Json) -> Json:
    return resource("RDS::DBInstance", {"Engine": "postgres", "EngineVersion": "16.3", **properties})


RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
DELETED = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
OTHER = {"T": resource("SNS::Topic")}


def throughput(units: Json) -> Json:
    settings = {"ReadCapacityUnits": units, "WriteCapacityUnits": units}
    return {"A": resource("DynamoDB::Table", {"TableName": "t", "ProvisionedThroughput": settings})}


def domain(key: str) -> Json:
    options = {"Enabled": True, "KmsKeyId": key}
    return {"A": resource("OpenSearchService::Domain", {"EncryptionAtRestOptions": options})}


def kafka(subnet: str) -> Json:
    brokers = {"InstanceType": "kafka.m5.large", "ClientSubnets": [subnet, "subnet-b"]}
    return {"A": resource("MSK::Cluster", {"ClusterName": "c", "BrokerNodeGroupInfo": brokers})}


CASES = (
    case("01 identical templates", {"A": table()}, {"A": table()}, {"A": "NONE"}, loses=set()),
    case("02 key order, number or text", throughput(5), throughput("5"), {"A": "NONE"}, loses=set()),
    case("03 another key of a table", {"A": table("id")}, {"A": table("tenant")}, {"A": "REPLACE"}, loses={"A"}),
    case(
        "04 another key, the old table retained",
        {"A": table("id", **RETAINED)},
        {"A": table("tenant", **RETAINED)},
        {"A": "REPLACE"},
        loses=set(),
    ),
    case("05 a bucket removed", {"A": bucket(**DELETED), **OTHER}, OTHER, {"A": "DESTROY"}, loses={"A"}),
    case("06 a retained bucket removed", {"A": bucket(**RETAINED), **OTHER}, OTHER, {"A": "ORPHAN"}, loses=set()),
    case(
        "07 a bucket retained except on create removed",
        {"A": bucket(DeletionPolicy="RetainExceptOnCreate"), **OTHER},
        OTHER,
        {"A": "ORPHAN"},
        loses=set(),
    ),
    case("08 a cluster removed, no policy", {"A": cluster(), **OTHER}, OTHER, {"A": "SNAPSHOT"}, loses=set()),
    case(
        "09 a cluster removed, Snapshot",
        {"A": cluster(DeletionPolicy="Snapshot"), **OTHER},
        OTHER,
        {"A": "SNAPSHOT"},
        loses=set(),
    ),
    case(
        "10 a guard dropped",
        {"A": bucket(DeletionPolicy="Retain")},
        {"A": bucket(DeletionPolicy="Delete")},
        {"A": "UPDATE"},
        guard={"A"},
        loses=set(),
    ),
    case(
        "11 a guard dropped together with a replacement",
        {"A": table("id", **RETAINED)},
        {"A": table("tenant", **DELETED)},
        {"A": "REPLACE"},
        loses={"A"},
    ),
    case("12 another type", {"A": bucket()}, {"A": resource("SNS::Topic")}, {"A": "REPLACE"}, loses={"A"}),
    case(
        "13 a store gets another logical id",
        {"Old": bucket(**DELETED)},
        {"New": bucket(**DELETED)},
        {"Old": "DESTROY", "New": "CREATE"},
        loses={"Old"},
    ),
    case("14 another physical name", {"A": bucket("one")}, {"A": bucket("two")}, {"A": "REPLACE"}, loses={"A"}),
    case(
        "15 metadata only",
        {"A": bucket(Metadata={"aws:cdk:path": "S/A/Resource", "aws:asset:path": "asset.1"})},
        {"A": bucket(Metadata={"aws:cdk:path": "S/A/Resource", "aws:asset:path": "asset.2"})},
        {"A": "NONE"},
        loses=set(),
    ),
    case(
        "16 dependencies spelled otherwise",
        {"A": bucket(DependsOn="T"), "B": bucket(DependsOn=["T", "A"]), **OTHER},
        {"A": bucket(DependsOn=["T"]), "B": bucket(DependsOn=["A", "T"]), **OTHER},
        {"A": "NONE", "B": "NONE"},
    ),
    case(
        "17 a condition that is false",
        template({"A": bucket(), **OTHER}, Conditions={"C": {"Fn::Equals": ["a", "b"]}}),
        template({"A": bucket(Condition="C"), **OTHER}, Conditions={"C": {"Fn::Equals": ["a", "b"]}}),
        {"A": "DESTROY"},
        loses={"A"},
    ),
    case(
        "17 a condition that nobody can decide",
        template({"A": bucket(), **OTHER}, Parameters={"P": {"Type": "String"}}),
        template(
            {"A": bucket(Condition="C"), **OTHER},
            Parameters={"P": {"Type": "String"}},
            Conditions={"C": {"Fn::Equals": [{"Ref": "P"}, "b"]}},
        ),
        {"A": "MAY_REPLACE"},
        loses={"A"},
    ),
    case(
        "18 the condition becomes false, the resource's text is the same",
        template({"A": bucket(Condition="C"), **OTHER}, Conditions={"C": {"Fn::Equals": ["a", "a"]}}),
        template({"A": bucket(Condition="C"), **OTHER}, Conditions={"C": {"Fn::Equals": ["a", "b"]}}),
        {"A": "DESTROY"},
        loses={"A"},
    ),
    case(
        "18 the condition asks something else, undecidable",
        template(
            {"A": bucket(Condition="C"), **OTHER},
            Parameters={"P": {"Type": "String"}},
            Conditions={"C": {"Fn::Equals": [{"Ref": "P"}, "a"]}},
        ),
        template(
            {"A": bucket(Condition="C"), **OTHER},
            Parameters={"P": {"Type": "String"}},
            Conditions={"C": {"Fn::Equals": [{"Ref": "P"}, "b"]}},
        ),
        {"A": "MAY_REPLACE"},
        loses={"A"},
    ),
    case(
        "25 a nested property that may replace: OpenSearch's key",
        domain("alias/one"),
        domain("alias/two"),
        {"A": "MAY_REPLACE/REPLACE"},
        loses={"A"},
    ),
    case(
        "27 a nested property that replaces: MSK's subnets",
        kafka("subnet-a"),
        kafka("subnet-c"),
        {"A": "MAY_REPLACE/REPLACE"},
        loses={"A"},
    ),
    case(
        "51 an engine version and encryption",
        {"A": database(StorageEncrypted=False)},
        {"A": {**database(StorageEncrypted=True, EngineVersion="17.2")}},
        {"A": "REPLACE"},
        loses={"A"},
    ),
    case(
        "52 the sources disagree: RDS's port",
        {"A": database(Port="5432")},
        {"A": database(Port="5433")},
        {"A": "MAY_REPLACE/REPLACE"},
    ),
)
