// Notes each file that Node reads, and each variable that it asks for, in the file that RECORDED_READS names.
const fs = require("fs");
const file = process.env.RECORDED_READS;
const said = new Set();
const append = fs.appendFileSync;
function say(line) {
  if (!said.has(line)) {
    said.add(line);
    append(file, line + "\n");
  }
}
for (const name of ["readFileSync", "openSync", "readdirSync", "copyFileSync"]) {
  const original = fs[name];
  fs[name] = function (path, ...rest) {
    if (typeof path === "string") say("read " + path);
    return original.call(this, path, ...rest);
  };
}
process.env = new Proxy(process.env, {
  get(target, key) {
    if (typeof key === "string") say("variable " + key);
    return target[key];
  },
});
