// What a Node process reads, a line a file: `node --require node.cjs`. jsii's kernel reads assets for the tests that stand
// on it, which Python does not see.
"use strict";
const fs = require("fs");
const path = require("path");
const { fileURLToPath } = require("url");
const { syncBuiltinESMExports } = require("module");

const target = process.env.PENSTOCK_TESTS_NODE_READS;
const append = fs.appendFileSync;
const seen = new Set();

function say(line) {
  if (seen.has(line)) return;
  seen.add(line);
  append(target, `${line}\n`);
}

function take(file) {
  if (file instanceof URL && file.protocol === "file:") say(fileURLToPath(file));
  else if (typeof file === "string" || Buffer.isBuffer(file)) say(path.resolve(file.toString()));
}

function watch(owner, names) {
  for (const name of names) {
    const original = owner[name];
    if (typeof original !== "function") continue;
    owner[name] = Object.assign(function (file, ...rest) {
      // appendFileSync opens its file by these names, too.
      if (file !== target) take(file);
      return original.call(this, file, ...rest);
    }, original);
  }
}

if (target) {
  const both = ["open", "readFile", "copyFile", "cp"];
  watch(fs, [...both, ...both.map((name) => `${name}Sync`), "createReadStream"]);
  watch(fs.promises, both);
  syncBuiltinESMExports();
  append(target, "started\n");
}
