// Writes the types of the HTTP interface, one file per service, from the OpenAPI documents that the services generate.
// They are made before every build and check and never committed, so they cannot be stale.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const documents = new URL('../../docs/openapi/', import.meta.url);
const target = new URL('../src/api/schema/', import.meta.url);

await mkdir(target, { recursive: true });
for (const name of (await readdir(documents)).filter((file) => file.endsWith('.json')).sort()) {
  const types = await openapiTS(new URL(name, documents));
  await writeFile(new URL(name.replace('.json', '.ts'), target), astToString(types));
}
