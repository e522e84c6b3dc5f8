// AWS's own engine as a judge: a line with two templates in, a line with each resource's impact out.
const path = require('node:path');
const readline = require('node:readline');
const { fullDiff } = require(path.join(process.argv[2], '@aws-cdk/cloudformation-diff'));

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { old, new: next } = JSON.parse(line);
  const impacts = {};
  try {
    fullDiff(old, next).resources.forEachDifference((id, change) => { impacts[id] = change.changeImpact; });
  } catch { /* it reads policies on its way, and gives up on a template with one that is none: no opinion */ }
  process.stdout.write(JSON.stringify(impacts) + '\n');
});
