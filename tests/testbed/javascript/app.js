// What a platform like this one is in the CDK's own language: the measure of what the way from Python costs.
// Services and stages as given, each service a stack of what large_catalogue's services are made of, under one nag pack.

const cdk = require("aws-cdk-lib");
const apigateway = require("aws-cdk-lib/aws-apigateway");
const backup = require("aws-cdk-lib/aws-backup");
const cloudwatch = require("aws-cdk-lib/aws-cloudwatch");
const actions = require("aws-cdk-lib/aws-cloudwatch-actions");
const codecommit = require("aws-cdk-lib/aws-codecommit");
const dynamodb = require("aws-cdk-lib/aws-dynamodb");
const iam = require("aws-cdk-lib/aws-iam");
const kms = require("aws-cdk-lib/aws-kms");
const lambda = require("aws-cdk-lib/aws-lambda");
const logs = require("aws-cdk-lib/aws-logs");
const pipelines = require("aws-cdk-lib/pipelines");
const sns = require("aws-cdk-lib/aws-sns");
const sqs = require("aws-cdk-lib/aws-sqs");
const wafv2 = require("aws-cdk-lib/aws-wafv2");
const { AwsSolutionsChecks } = require("cdk-nag");

const SERVICES = Number(process.env.SERVICES ?? 25);
const STAGES = ["dev", "qa", "staging", "prod"];
const KEEP_DATA = ["staging", "prod"];
const GATEWAY_RESPONSES = [
  "ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE",
  "BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN", "INTEGRATION_FAILURE",
  "INTEGRATION_TIMEOUT", "INVALID_API_KEY", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED",
  "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED", "UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED",
];

const ACKNOWLEDGED = [
  "APIG2", "COG4", "L1", "IAM5[Resource::*]",
  "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup]",
  "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
].map((id) => ({ id: `AwsSolutions::AwsSolutions-${id}`, reason: "Nobody deploys this: it is here to be measured." }));
// What the pack finds of the pipeline itself is reported, as it costs nothing, and fails nothing.
const CONTEXT = { "@aws-cdk/core:failSynthOnValidationErrors": false };

class ServiceStack extends cdk.Stack {
  constructor(scope, id, keepsData) {
    super(scope, id);
    const key = this.key("Key");
    this.alarms = new sns.Topic(this, "Alarms", { masterKey: this.key("AlarmsKey"), enforceSSL: true });
    this.action = new actions.SnsAction(this.alarms);
    const table = new dynamodb.Table(this, "Entries", {
      partitionKey: { name: "id", type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    });
    if (keepsData) this.backUp(table);
    this.api(this.function(table, key));
    cdk.Validations.of(this).acknowledge(...ACKNOWLEDGED);
  }

  key(id) {
    return new kms.Key(this, id, { enableKeyRotation: true, removalPolicy: cdk.RemovalPolicy.RETAIN });
  }

  logGroup(id) {
    return new logs.LogGroup(this, id, { encryptionKey: this.logKey ??= this.key("LogKey"), retention: 30 });
  }

  alarm(id, metric) {
    const alarm = new cloudwatch.Alarm(this, id, {
      metric, threshold: 1, evaluationPeriods: 1, alarmDescription: `${id}: see the runbook`,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(this.action);
    alarm.addOkAction(this.action);
  }

  backUp(table) {
    const plan = new backup.BackupPlan(this, "Backups", {
      backupVault: new backup.BackupVault(this, "Vault", { encryptionKey: this.key("VaultKey") }),
      backupPlanRules: [backup.BackupPlanRule.daily()],
    });
    plan.addSelection("Tables", { resources: [backup.BackupResource.fromDynamoDbTable(table)] });
  }

  function(table, key) {
    const role = new iam.Role(this, "Role", { assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com") });
    const deadLetterQueue = new sqs.Queue(this, "Failed", { encryptionMasterKey: key, enforceSSL: true });
    const made = new lambda.Function(this, "Keep", {
      code: lambda.Code.fromInline("def handle(event, context): return {}"),
      handler: "index.handle",
      runtime: lambda.Runtime.PYTHON_3_13,
      architecture: lambda.Architecture.ARM_64,
      role, deadLetterQueue,
      logGroup: this.logGroup("Log"),
      environment: { TABLE_NAME: table.tableName },
      environmentEncryption: key,
      reservedConcurrentExecutions: 10,
      tracing: lambda.Tracing.ACTIVE,
    });
    table.grant(made, "dynamodb:GetItem", "dynamodb:PutItem");
    const minute = { period: cdk.Duration.minutes(1) };
    this.alarm("Errors", made.metricErrors(minute));
    this.alarm("Throttles", made.metricThrottles(minute));
    this.alarm("DeadLetters", deadLetterQueue.metricApproximateNumberOfMessagesVisible(minute));
    return made;
  }

  api(backend) {
    const api = new apigateway.RestApi(this, "Api", {
      cloudWatchRole: true,
      deployOptions: {
        accessLogDestination: new apigateway.LogGroupLogDestination(this.logGroup("AccessLog")),
        accessLogFormat: apigateway.AccessLogFormat.jsonWithStandardFields(),
        loggingLevel: apigateway.MethodLoggingLevel.ERROR,
        throttlingRateLimit: 100, throttlingBurstLimit: 200, tracingEnabled: true,
      },
    });
    const model = api.addModel("Entry", { schema: { type: apigateway.JsonSchemaType.OBJECT, required: ["id"] } });
    api.root.addMethod("POST", new apigateway.LambdaIntegration(backend, { allowTestInvoke: false }), {
      authorizationType: apigateway.AuthorizationType.IAM,
      requestValidatorOptions: { validateRequestBody: true },
      requestModels: { "application/json": model },
    });
    for (const name of GATEWAY_RESPONSES) {
      api.addGatewayResponse(name, {
        type: apigateway.ResponseType.of(name),
        templates: { "application/json": JSON.stringify({ type: name, id: "$context.requestId" }) },
      });
    }
    this.alarm("ServerErrors", api.metricServerError({ period: cdk.Duration.minutes(1) }));
    this.alarm("ClientErrors", api.metricClientError({ period: cdk.Duration.minutes(1) }));
    this.alarm("Latency", api.metricLatency({ period: cdk.Duration.minutes(1) }));
    this.firewall(api);
  }

  firewall(api) {
    const metric = { cloudWatchMetricsEnabled: true, metricName: "Firewall", sampledRequestsEnabled: true };
    const firewall = new wafv2.CfnWebACL(this, "Firewall", {
      scope: "REGIONAL", defaultAction: { allow: {} }, visibilityConfig: metric,
      rules: [{
        name: "Common", priority: 0, overrideAction: { none: {} }, visibilityConfig: metric,
        statement: { managedRuleGroupStatement: { vendorName: "AWS", name: "AWSManagedRulesCommonRuleSet" } },
      }],
    });
    new wafv2.CfnWebACLAssociation(this, "Association", {
      resourceArn: api.deploymentStage.stageArn, webAclArn: firewall.attrArn,
    });
    new wafv2.CfnLoggingConfiguration(this, "FirewallLog", {
      resourceArn: firewall.attrArn, logDestinationConfigs: [this.logGroup("FirewallLogGroup").logGroupArn],
    });
    new cdk.CfnOutput(this, "Url", { value: api.url });
  }
}

class ServiceStage extends cdk.Stage {
  constructor(scope, id, props) {
    super(scope, id, props);
    for (let number = 1; number <= SERVICES; number++) {
      new ServiceStack(this, `svc${String(number).padStart(3, "0")}`, KEEP_DATA.includes(id));
    }
  }
}

class PipelineStack extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const repository = codecommit.Repository.fromRepositoryName(this, "Repository", "platform");
    const source = pipelines.CodePipelineSource.codeCommit(repository, "main");
    const pipeline = new pipelines.CodePipeline(this, "Engine", {
      crossAccountKeys: true, publishAssetsInParallel: false, useChangeSets: false,
      synth: new pipelines.ShellStep("Synth", { input: source, commands: ["make synth"] }),
    });
    for (const [number, name] of STAGES.entries()) {
      const env = { account: String(number + 1).repeat(12), region: "eu-west-1" };
      const stage = pipeline.addStage(new ServiceStage(this, name, { env }));
      stage.addPost(new pipelines.ShellStep("Probe", { commands: ["true"] }));
    }
  }
}

const app = new cdk.App({ context: CONTEXT });
new PipelineStack(app, "Pipeline", { env: { account: "999999999999", region: "eu-west-1" } });
cdk.Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
app.synth();
