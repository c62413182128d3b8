// Membership in value sets without a terminology server: true, false, or null where what is loaded does not tell.
const MAX_DEPTH = 6;
const MDC = 'urn:iso:std:iso:11073:10101';
const HIERARCHY = ['is-a', 'descendent-of'];

/** What a value set holds: `known` codes as `system|code`, and `open` systems, whose codes a test judges or nothing. */
const holding = (known = new Set(), open = []) => ({ known, open });

export class Terminology {
  constructor(registry) {
    this.registry = registry;
    this.expanded = new Map();
  }

  /** Whether the value set holds `code` of `system`; a system that is undefined matches any (for the type `code`). */
  includes(canonical, system, code) {
    const held = this.#held(canonical.split('|')[0], 0);
    if (!held) return null;
    const anywhere = system === undefined;
    if (held.known.has(`${system}|${code}`)) return true;
    if (anywhere && [...held.known].some((one) => one.endsWith(`|${code}`))) return true;
    const open = held.open.filter((one) => anywhere || one.system === system);
    const asked = open.map(({ test }) => (test ? test(code) : null));
    if (asked.includes(true)) return true;
    return asked.includes(null) ? null : false;
  }

  #held(url, depth) {
    if (!this.expanded.has(url)) {
      this.expanded.set(url, depth > MAX_DEPTH ? null : this.#expand(this.registry.valueSets.get(url), depth));
    }
    return this.expanded.get(url);
  }

  #expand(valueSet, depth) {
    if (!valueSet) return null;
    if (!valueSet.compose) {
      const listed = valueSet.expansion?.contains;
      return listed ? holding(new Set(listed.map(({ system, code }) => `${system}|${code}`))) : null;
    }
    const [included, excluded] = ['include', 'exclude'].map((side) =>
      (valueSet.compose[side] ?? []).map((part) => this.#part(part, depth)));
    if (included.includes(null) || excluded.some((part) => !part || part.open.length)) return null;
    const out = new Set(excluded.flatMap(({ known }) => [...known]));
    const known = new Set(included.flatMap((part) => [...part.known]).filter((code) => !out.has(code)));
    return holding(known, included.flatMap(({ open }) => open));
  }

  #part({ system, concept, valueSet, filter = [] }, depth) {
    if (concept) return holding(new Set(concept.map(({ code }) => `${system}|${code}`)));
    if (valueSet && !system) {
      const held = valueSet.map((url) => this.#held(url.split('|')[0], depth + 1));
      if (held.includes(null)) return null;
      return holding(new Set(held.flatMap(({ known }) => [...known])), held.flatMap(({ open }) => open));
    }
    const loaded = this.registry.codeSystems.get((system ?? '').split('|')[0]);
    const complete = loaded?.concept && loaded.content === 'complete' && !valueSet;
    if (!complete || filter.some(({ op }) => !HIERARCHY.includes(op))) {
      return holding(new Set(), [{ system, test: testOf(system, filter) }]);
    }
    const kept = filter.map(({ op, value }) => below(loaded.concept, value, op === 'is-a'));
    const codes = flat(loaded.concept).map(({ code }) => code).filter((code) => kept.every((some) => some.has(code)));
    return holding(new Set(codes.map((code) => `${system}|${code}`)));
  }
}

/** A test of the codes of IEEE 11073-10101, which is not loaded, by partition: the upper half of its 32-bit codes. */
function testOf(system, filters) {
  const [{ property, op, value } = {}] = filters;
  if (system !== MDC || filters.length !== 1 || property !== 'partition' || op !== 'in') return null;
  const partitions = value.split(',').map(Number);
  return (code) => /^\d+$/.test(code) && partitions.includes(Math.floor(Number(code) / 0x10000));
}

function flat(concepts) {
  return (concepts ?? []).flatMap((concept) => [concept, ...flat(concept.concept)]);
}

function below(concepts, ancestor, itself) {
  const found = new Set();
  const walk = (list, inside) => {
    for (const concept of list ?? []) {
      const above = (concept.property ?? []).filter(({ code }) => code === 'subsumedBy').map((one) => one.valueCode);
      const here = inside || concept.code === ancestor || above.some((one) => one === ancestor || found.has(one));
      if (here && (itself || concept.code !== ancestor)) found.add(concept.code);
      walk(concept.concept, here);
    }
  };
  walk(concepts, false);
  return found;
}
