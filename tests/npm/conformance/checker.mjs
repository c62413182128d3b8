// Checks a resource against StructureDefinition snapshots: unknown elements, cardinality, choice types, primitive
// formats, fixed values and patterns, slices, required bindings that expand offline, reference types. FHIRPath
// invariants are left to @medplum/core. Not judged: membership of LOINC and the like, the grammar of UCUM, extensible
// bindings.
import { capital, equal, holds, isObject, treeOf, typedKey, typeName, valuesOf } from './elements.mjs';
import { PRIMITIVES, primitiveFault, shapeFaults } from './primitives.mjs';
import { discriminators, Slices } from './slices.mjs';
import { Terminology } from './terminology.mjs';

const ID = '[A-Za-z0-9\\-.]{1,64}';
const LITERAL = new RegExp(`(?:^|/)([A-Z][A-Za-z]+)/${ID}(?:/_history/${ID})?$`);
const OTHER_REFERENCE = /^(urn:(uuid|oid):|#|https?:|[A-Z]\w+\?)/;

/** The trees of definitions, each made once. */
class Trees {
  #made = new Map();

  of(structure) {
    if (!this.#made.has(structure)) this.#made.set(structure, treeOf(structure));
    return this.#made.get(structure);
  }
}

/** What one pass over a resource knows: `base` is the pass over R4's own definition, `report` takes (path, message). */
const pass = (root, report, base) => ({ root, report, base });

export class Checker {
  constructor(registry) {
    this.registry = registry;
    this.terminology = new Terminology(registry);
    this.trees = new Trees();
    this.slices = new Slices(registry, this.trees, (...what) => this.#inValueSet(...what));
  }

  /** The findings on `resource` under base R4 and `profiles` (StructureDefinitions): {profile, path, message}. */
  findings(resource, profiles) {
    const type = resource.resourceType;
    const found = [];
    const reporter = (profile) => (path, message) => found.push({ profile, path, message });
    for (const [path, message] of shapeFaults(resource, type)) reporter('base')(path, message);
    const base = this.registry.types.get(type);
    if (!base) return [...found, { profile: 'base', path: 'resourceType', message: `no type of R4: ${type}` }];
    const tree = this.trees.of(base);
    this.#object(tree, resource, type, pass(tree, reporter('base'), true));
    for (const profile of profiles) {
      const root = this.trees.of(profile);
      if (profile.type !== type) reporter(profile.url)(type, `a profile of ${profile.type}`);
      else this.#object(root, resource, type, pass(root, reporter(profile.url), false));
    }
    return found;
  }

  #object(element, object, path, at) {
    if (!isObject(object)) return;
    if (at.base) this.#unknown(element, object, path, at);
    for (const [name, child] of element.children) {
      const { definition } = child;
      const values = valuesOf(object, name, definition.type);
      const here = `${path}.${name}`;
      this.#count(definition, values, here, at);
      if (at.base && object[name] !== undefined) this.#array(definition, object[name], here, at);
      for (const found of values) this.#value(child, found, pathOf(here, found), at);
      if (child.slices.length) this.#sliced(child, values, here, at);
    }
  }

  #unknown({ children }, object, path, { report }) {
    const known = new Set(['resourceType']);
    for (const [name, { definition }] of children) {
      known.add(name);
      if (!name.endsWith('[x]')) continue;
      for (const type of definition.type ?? []) known.add(name.slice(0, -3) + capital(typeName(type)));
    }
    for (const name of Object.keys(object)) {
      if (!known.has(name.replace(/^_/, ''))) report(`${path}.${name}`, 'an unknown element');
    }
  }

  #count({ min = 0, max = '*' }, values, here, { report }) {
    if (values.length < min) report(here, `at least ${min}, found ${values.length}`);
    if (max !== '*' && values.length > Number(max)) report(here, `at most ${max}, found ${values.length}`);
  }

  #array({ base, max }, value, here, { report }) {
    const many = (base?.max ?? max) !== '1';
    if (Array.isArray(value) !== many) report(here, many ? 'must be an array' : 'must not be an array');
  }

  #value(element, found, path, at) {
    const { definition } = element;
    const { value } = found;
    if (value === undefined) return; // a primitive that is only extended: nothing to compare
    const types = definition.type ?? [];
    const type = nameOfType(element, found, types, at.root.structure);
    if (found.type && types.length && !types.some((one) => typeName(one) === found.type)) {
      at.report(path, `type ${found.type}, allowed: ${types.map(typeName).join('|')}`);
      return;
    }
    this.#constraints(definition, value, path, type, at);
    if (definition.contentReference) {
      this.#object(at.root.byId.get(definition.contentReference.split('#').at(-1)), value, path, at);
    } else if (element.children.size) this.#object(element, value, path, at);
    else if (at.base && type) this.#typed(type, value, path, at);
    const profiled = types.length === 1 && type !== 'Reference' ? types[0].profile : null;
    if (!at.base && profiled) this.#profiled(profiled, value, path, at);
  }

  #typed(type, value, path, at) {
    if (PRIMITIVES.has(type)) {
      const fault = primitiveFault(type, value);
      if (fault) at.report(path, fault);
      return;
    }
    if (!isObject(value)) {
      at.report(path, `must be an object (${type})`);
      return;
    }
    const base = this.registry.types.get(type === 'Resource' ? value.resourceType : type);
    if (!base) at.report(path, `no type of R4: ${type === 'Resource' ? value.resourceType : type}`);
    else this.#object(this.trees.of(base), value, path, pass(this.trees.of(base), at.report, true));
  }

  /** A data type or an extension with profiles of its own: one of them must hold. */
  #profiled(urls, value, path, at) {
    const tries = urls.map((url) => this.registry.structure(url)).filter(Boolean).map((structure) => {
      const found = [];
      const root = this.trees.of(structure);
      this.#object(root, value, path, pass(root, (...finding) => found.push(finding), false));
      return found;
    });
    if (tries.length && tries.every((found) => found.length)) for (const finding of tries[0]) at.report(...finding);
  }

  #constraints(definition, value, path, type, { report }) {
    const fixed = typedKey(definition, 'fixed');
    if (fixed && !equal(definition[fixed], value)) {
      report(path, `must be ${short(definition[fixed])}, is ${short(value)}`);
    }
    const pattern = typedKey(definition, 'pattern');
    if (pattern && !holds(definition[pattern], value)) {
      report(path, `must hold ${short(definition[pattern])}, is ${short(value)}`);
    }
    const { maxLength } = definition;
    if (maxLength && value.length > maxLength) report(path, `longer than ${maxLength}`);
    const { strength, valueSet } = definition.binding ?? {};
    if (strength === 'required' && valueSet && this.#inValueSet(valueSet, value, type) === false) {
      report(path, `${short(value)} is not in the required value set ${valueSet}`);
    }
    if (isObject(value) && typeof value.reference === 'string') this.#reference(definition, value, path, report);
  }

  #reference(definition, { reference, type }, path, report) {
    const literal = LITERAL.exec(reference)?.[1];
    if (!literal && !OTHER_REFERENCE.test(reference)) report(path, `no valid reference: ${reference}`);
    const target = literal ?? (/^(urn:|#)/.test(reference) ? type : undefined);
    if (!target) return;
    if (!this.registry.types.has(target)) report(path, `a reference to no type of R4: ${target}`);
    const references = (definition.type ?? []).filter(({ code }) => code === 'Reference');
    const profiles = references.flatMap(({ targetProfile }) => targetProfile ?? []);
    const typeOf = (url) => this.registry.structure(url)?.type ?? url.split('/').at(-1).split('|')[0];
    const allowed = new Set(profiles.map(typeOf));
    if (allowed.size && !allowed.has('Resource') && !allowed.has(target)) {
      report(path, `a reference to ${target}, allowed: ${[...allowed].join('|')}`);
    }
  }

  /** Whether a code, Coding, CodeableConcept or Quantity is of a value set; null where that cannot be told. */
  #inValueSet(valueSet, value, type) {
    if (typeof value === 'string') return this.terminology.includes(valueSet, undefined, value);
    if (!isObject(value)) return null;
    // R4's vital signs bind a component's value[x] to units: that says nothing about a value that is a concept.
    if (type === 'CodeableConcept' && valueSet.includes('/ucum-')) return null;
    const said = value.coding ?? (value.code === undefined ? [] : [value]);
    if (!said.length && type === 'Quantity') return null;
    const answers = said.map(({ system = '', code }) => this.terminology.includes(valueSet, system, code));
    if (answers.includes(true)) return true;
    return answers.includes(null) || this.terminology.includes(valueSet, '', '') === null ? null : false;
  }

  #sliced(element, values, here, at) {
    const telling = discriminators(element);
    const counts = new Map(element.slices.map((slice) => [slice, 0]));
    let outside = 0;
    for (const found of values) {
      const ask = (slice) => telling.map((one) => this.slices.matches(slice, one, found, element));
      const answers = element.slices.map((slice) => [slice, ask(slice)]);
      const hits = answers.filter(([, said]) => said.length && said.every((answer) => answer === true));
      // A slice that cannot be told from here is not counted either.
      for (const [slice, said] of answers) if (!said.length || said.includes(null)) counts.delete(slice);
      for (const [slice] of hits) {
        if (counts.has(slice)) counts.set(slice, counts.get(slice) + 1);
        this.#value(slice, found, `${here}:${slice.slice}`, { ...at, base: false });
      }
      if (!hits.length) outside += 1;
    }
    for (const [slice, count] of counts) this.#count(slice.definition, { length: count }, `${here}:${slice.slice}`, at);
    const closed = element.definition.slicing?.rules === 'closed';
    if (closed && outside) at.report(here, `${outside} of no slice, and no others are allowed`);
  }
}

function nameOfType({ definition, name }, found, types, structure) {
  if (name === 'id' && definition.path.split('.').length === 2 && structure.kind === 'resource') return 'id';
  return found.type ?? (types.length === 1 ? typeName(types[0]) : null);
}

const pathOf = (here, { type, index }) =>
  index === undefined ? here.replace('[x]', capital(type ?? '')) : `${here}[${index}]`;
const short = (value) => JSON.stringify(value).slice(0, 100);
