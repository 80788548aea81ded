// Writes the types of the HTTP interface, one file per service, from the OpenAPI documents that the services generate.
// They are made before every build and check and never committed, so they cannot be stale.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const documents = new URL('../../docs/openapi/', import.meta.url);
const target = new URL('../src/api/schema/', import.meta.url);

await mkdir(target, { recursive: true });
for (const name of (await readdir(documents)).filter((file) => file.endsWith('.json')).sort()) {
  const document = JSON.parse(await readFile(new URL(name, documents), 'utf8'));
  for (const call of Object.values(document.paths).flatMap(Object.values)) {
    // OpenAPI wants a parameter of this name ignored: the client sends the token with every call.
    call.parameters = call.parameters?.filter((one) => one.in !== 'header' || one.name.toLowerCase() !== 'authorization');
  }
  const types = await openapiTS(document);
  await writeFile(new URL(name.replace('.json', '.ts'), target), astToString(types));
}
