// Publishes what cdk-assets is asked to in one process for a whole build: starting Node and loading the AWS SDK is most
// of what a call takes. It is the package that the build installed, evaluated once: only the call of its `main` at the
// end, which would read this process's own arguments, is replaced. (`node asset_publisher.cjs BUNDLE SOCKET`; a line on
// standard output says that it listens. asset_publisher.py is its client.)

const fs = require("node:fs");
const Module = require("node:module");
const net = require("node:net");
const readline = require("node:readline");

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

async function answer(assets, asked, tell) {
  process.env = asked.environment;
  process.chdir(asked.folder);
  process.exitCode = 0;
  process.stdout.write = (text) => tell({ out: String(text) });
  process.stderr.write = (text) => tell({ error: String(text) });
  assets.setLogThreshold(asked.verbose ? "verbose" : "info");
  try {
    await assets.publish({ path: asked.path, assets: asked.assets });
    tell({ status: process.exitCode });
  } catch {
    tell({}); // the command itself says best what is wrong with its arguments
  }
  process.exitCode = 0;
}

const [bundle, socket] = process.argv.slice(2);
const assets = load(bundle);
let before = Promise.resolve();
net
  .createServer((connection) => {
    const tell = (message) => connection.write(`${JSON.stringify(message)}\n`);
    connection.on("error", () => {}); // who asked has ended
    readline.createInterface({ input: connection }).on("line", (line) => {
      before = before.then(() => answer(assets, JSON.parse(line), tell)).then(() => connection.end());
    });
  })
  .listen(socket, () => fs.writeSync(1, "listening\n"));
