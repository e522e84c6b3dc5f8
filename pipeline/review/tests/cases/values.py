"""Cases of values: what means the same, what is decided at deployment, and what follows from something else."""

from pipeline.review.tests.cases.case import Json, case, resource, template

HASHES = ("a" * 64, "b" * 64)
PARAMETER = {"P": {"Type": "String"}}


def named(name: Json, **sections: Json) -> Json:
    return template({"A": resource("S3::Bucket", {"BucketName": name})}, **sections)


def function(digest: str, version: str) -> Json:
    code = {"S3Bucket": "assets", "S3Key": f"{digest}.zip"}
    return {
        "F": resource("Lambda::Function", {"Code": code, "Handler": "h", "Runtime": "python3.13", "Role": "r"}),
        version: resource("Lambda::Version", {"FunctionName": {"Ref": "F"}}),
        "L": resource(
            "Lambda::Alias",
            {"FunctionName": {"Ref": "F"}, "Name": "live", "FunctionVersion": {"Fn::GetAtt": [version, "Version"]}},
        ),
    }


def api(deployment: str) -> Json:
    return {
        deployment: resource("ApiGateway::Deployment", {"RestApiId": {"Ref": "Api"}}),
        "S": resource("ApiGateway::Stage", {"RestApiId": {"Ref": "Api"}, "DeploymentId": {"Ref": deployment}}),
        "Api": resource("ApiGateway::RestApi", {"Name": "api"}),
    }


def network(cidr: str) -> Json:
    return {
        "V": resource("EC2::VPC", {"CidrBlock": cidr}),
        "S": resource("EC2::Subnet", {"VpcId": {"Ref": "V"}, "CidrBlock": "10.0.0.0/24"}),
    }


def pipe(size: int) -> Json:
    source = {"SqsQueueParameters": {"BatchSize": size}}
    return {"A": resource("Pipes::Pipe", {"Source": "q", "Target": "t", "RoleArn": "r", "SourceParameters": source})}


def group(launch_configuration: str) -> Json:
    settings = {"LaunchConfigurationName": launch_configuration, "MinSize": "1", "MaxSize": "1"}
    return {"A": resource("AutoScaling::AutoScalingGroup", settings)}


def custom(type_: str, value: str) -> Json:
    return {"A": {"Type": type_, "Properties": {"ServiceToken": "arn", "Value": value}}}


def subscription(topic: Json) -> Json:
    return {
        "A": resource("SNS::Subscription", {"TopicArn": topic, "Protocol": "sqs"}),
        "T": resource("SNS::Topic"),
    }


CASES = (
    case(
        "19 an undecidable Fn::If on a create-only property",
        named("one", Parameters=PARAMETER, Conditions={"C": {"Fn::Equals": [{"Ref": "P"}, "x"]}}),
        named(
            {"Fn::If": ["C", "one", "two"]},
            Parameters=PARAMETER,
            Conditions={"C": {"Fn::Equals": [{"Ref": "P"}, "x"]}},
        ),
        {"A": "MAY_REPLACE"},
    ),
    case(
        "19 a decidable Fn::If with the value that was there",
        named("one", Conditions={"C": {"Fn::Equals": ["x", "x"]}}),
        named({"Fn::If": ["C", "one", "two"]}, Conditions={"C": {"Fn::Equals": ["x", "x"]}}),
        {"A": "NONE"},
    ),
    case(
        "20 AWS::NoValue is no value",
        {"A": resource("S3::Bucket", {})},
        {"A": resource("S3::Bucket", {"BucketName": {"Ref": "AWS::NoValue"}})},
        {"A": "NONE"},
    ),
    case(
        "21 a parameter's default feeds a create-only property",
        named({"Ref": "P"}, Parameters={"P": {"Type": "String", "Default": "one"}}),
        named({"Ref": "P"}, Parameters={"P": {"Type": "String", "Default": "two"}}),
        {"A": "MAY_REPLACE/REPLACE"},
    ),
    case(
        "22 a mapping's value feeds a create-only property",
        named({"Fn::FindInMap": ["M", "a", "b"]}, Mappings={"M": {"a": {"b": "one"}}}),
        named({"Fn::FindInMap": ["M", "a", "b"]}, Mappings={"M": {"a": {"b": "two"}}}),
        {"A": "MAY_REPLACE/REPLACE"},
    ),
    case(
        "23 GetAtt as text or as a list",
        subscription({"Fn::GetAtt": "T.TopicArn"}),
        subscription({"Fn::GetAtt": ["T", "TopicArn"]}),
        {"A": "NONE"},
    ),
    case(
        "23 Sub or Join",
        subscription({"Fn::Sub": "x:${T}:y"}),
        subscription({"Fn::Join": [":", ["x", {"Ref": "T"}, "y"]]}),
        {"A": "NONE"},
    ),
    case(
        "24 what refers to a replaced resource follows it",
        network("10.0.0.0/16"),
        network("10.1.0.0/16"),
        {"V": "REPLACE", "S": "MAY_REPLACE/REPLACE"},
    ),
    case("26 a nested property that does not replace: a pipe's batch", pipe(1), pipe(10), {"A": "UPDATE"}),
    case(
        "28 code only, with version and alias",
        function(HASHES[0], "Vaaaaaaaaa"),
        function(HASHES[1], "Vbbbbbbbbb"),
        {"F": "UPDATE", "Vaaaaaaaaa": "NONE", "Vbbbbbbbbb": "NONE", "L": "NONE"},
        loses=set(),
    ),
    case(
        "29 an API's deployment",
        api("Daaaaaaaaa"),
        api("Dbbbbbbbbb"),
        {"Daaaaaaaaa": "NONE", "Dbbbbbbbbb": "NONE", "S": "NONE"},
    ),
    case(
        "30 the CDK's own metadata",
        {"M": resource("CDK::Metadata", {"Analytics": "v2:deflate64:abc"})},
        {"M": resource("CDK::Metadata", {"Analytics": "v2:deflate64:xyz"})},
        {"M": "NONE"},
    ),
    case(
        "31 a custom resource",
        custom("AWS::CloudFormation::CustomResource", "one"),
        custom("AWS::CloudFormation::CustomResource", "two"),
        {"A": "MAY_REPLACE/UPDATE"},
    ),
    case("32 a custom type", custom("Custom::X", "one"), custom("Custom::X", "two"), {"A": "MAY_REPLACE/UPDATE"}),
    case(
        "33 a property that no schema knows",
        {"A": resource("S3::Bucket", {"BrandNewSetting": "one"})},
        {"A": resource("S3::Bucket", {"BrandNewSetting": "two"})},
        {"A": "MAY_REPLACE/UPDATE"},
    ),
    case(
        "49 a security group's description",
        {"G": resource("EC2::SecurityGroup", {"GroupDescription": "one"})},
        {"G": resource("EC2::SecurityGroup", {"GroupDescription": "two"})},
        {"G": "REPLACE"},
    ),
    case(
        "50 tags only",
        {"A": resource("S3::Bucket", {"Tags": [{"Key": "team", "Value": "one"}]})},
        {"A": resource("S3::Bucket", {"Tags": [{"Key": "team", "Value": "two"}]})},
        {"A": "UPDATE"},
        loses=set(),
    ),
    case(
        "53 a conditional replacement: a launch configuration", group("one"), group("two"), {"A": "MAY_REPLACE/UPDATE"}
    ),
    case(
        "54 an export removed",
        named("one", Outputs={"O": {"Value": "x", "Export": {"Name": "shared"}}}),
        named("one", Outputs={"O": {"Value": "x"}}),
        {"A": "NONE"},
        section="Outputs",
    ),
    case(
        "55 description and version only",
        named("one", Description="one", AWSTemplateFormatVersion="2010-09-09"),
        named("one", Description="two"),
        {"A": "NONE"},
    ),
    case(
        "56 a transform added",
        named("one"),
        named("one", Transform="AWS::Serverless-2016-10-31"),
        {"A": "NONE"},
        section="Transform",
    ),
)
