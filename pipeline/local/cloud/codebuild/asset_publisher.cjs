// Publishes what cdk-assets is asked to in one process for a whole build: starting Node and loading the AWS SDK is most
// of what a call takes. It is the package that the build installed, evaluated once: only the call of its `main` at the
// end, which would read this process's own arguments, is replaced. (`node asset_publisher.cjs BUNDLE SOCKET`; a line on
// standard output says that it listens. asset_publisher.py is its client.)

const fs = require("node:fs");
const Module = require("node:module");
const net = require("node:net");

const MAIN = /^main\(\)\.catch\(/gm;
const EXPORTS = "module.exports = { publish: publish_1.publish, setLogThreshold: logging_1.setLogThreshold };\n0 && ";

function load(bundle) {
  const source = fs.readFileSync(bundle, "utf8");
  if (source.match(MAIN)?.length !== 1) throw new Error(`${bundle} does not end as the known versions do`);
  const made = new Module(bundle, module);
  made.filename = bundle;
  made.paths = Module._nodeModulePaths(bundle);
  made._compile(source.replace(MAIN, (call) => EXPORTS + call), bundle);
  return made.exports;
}

function read(asked) {
  const [folder, path, verbosity, count, ...rest] = asked.split("\0");
  const variables = rest.slice(Number(count)).map((each) => each.split(/=(.*)/s, 2));
  return {
    folder,
    path,
    verbosity: verbosity ? "verbose" : "info",
    assets: rest.slice(0, Number(count)),
    environment: Object.fromEntries(variables),
  };
}

async function answer(assets, asked, tell) {
  process.env = asked.environment;
  process.chdir(asked.folder);
  process.exitCode = 0;
  process.stdout.write = (text) => tell("o", text);
  process.stderr.write = (text) => tell("e", text);
  assets.setLogThreshold(asked.verbosity);
  try {
    await assets.publish({ path: asked.path, assets: asked.assets });
    tell("s", process.exitCode);
  } catch {
    tell("s", ""); // the command itself says best what is wrong with its arguments
  }
  process.exitCode = 0;
}

const [bundle, socket] = process.argv.slice(2);
const assets = load(bundle);
let before = Promise.resolve();
net
  .createServer({ allowHalfOpen: true }, (connection) => {
    const parts = [];
    const tell = (kind, text) => connection.write(`${kind}${String(text).replaceAll("\0", "")}\0`);
    connection.on("error", () => {}); // who asked has ended
    connection.on("data", (part) => parts.push(part));
    connection.on("end", () => {
      const asked = read(Buffer.concat(parts).toString());
      before = before.then(() => answer(assets, asked, tell)).then(() => connection.end());
    });
  })
  .listen(socket, () => fs.writeSync(1, "listening\n"));
