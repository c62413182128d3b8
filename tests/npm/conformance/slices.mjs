// Which slice of an element a value belongs to. Answers are true, false, or null: not to be told from here.
import { equal, holds, typedKey, typeName, valuesOf } from './elements.mjs';

const isExtension = ({ name }) => name === 'extension' || name === 'modifierExtension';

/** What tells the slices of `element` apart. */
export function discriminators(element) {
  if (element.definition.slicing?.discriminator) return element.definition.slicing.discriminator;
  if (isExtension(element)) return [{ type: 'value', path: 'url' }];
  return element.name.endsWith('[x]') ? [{ type: 'type', path: '$this' }] : [];
}

/** The matching of values with slices, over the loaded definitions. */
export class Slices {
  constructor(registry, trees, inValueSet) {
    this.registry = registry;
    this.trees = trees;
    this.inValueSet = inValueSet;
  }

  matches(slice, discriminator, found, element) {
    if (discriminator.type === 'type') return this.#ofType(slice, discriminator, found);
    if (discriminator.type === 'profile') return this.#ofProfile(slice, discriminator, found, element);
    if (discriminator.path === 'url' && isExtension(slice)) {
      const profile = slice.definition.type?.[0]?.profile?.[0];
      const url = slice.children.get('url')?.definition.fixedUri ?? profile?.split('|')[0];
      return url === undefined ? null : found.value?.url === url;
    }
    const followed = this.#follow(slice, discriminator.path, found);
    if (!followed) return null;
    const [elements, values] = followed;
    return discriminator.type === 'exists' ? exists(elements[0], values) : this.#ofValue(elements, values);
  }

  #ofType(slice, { path }, { value, type }) {
    if (path !== '$this') return null;
    return (slice.definition.type ?? []).some((one) => typeName(one) === (type ?? value?.resourceType));
  }

  #ofValue(elements, values) {
    const demands = elements.map((element) => this.#demand(element)).filter(Boolean);
    if (!demands.length) return null;
    return demands.some((demand) => values.some(({ value, type }) => demand(value, type)));
  }

  /** The elements and the values that a discriminator's path leads to, or null where it uses functions. */
  #follow(slice, path, found) {
    let [elements, values] = [[slice], [found]];
    for (const name of path === '$this' ? [] : path.split('.')) {
      if (/[()]/.test(name)) return null;
      elements = elements.flatMap((element) => this.#children(element, name));
      values = values.flatMap(({ value }) => [...valuesOf(value, name), ...valuesOf(value, `${name}[x]`)]);
    }
    return [elements, values];
  }

  #children(element, name) {
    let child = element.children.get(name) ?? element.children.get(`${name}[x]`);
    if (!child && element.definition.type?.[0]) {
      const [type] = element.definition.type;
      const profile = this.registry.structure(type.profile?.[0]) ?? this.registry.types.get(typeName(type));
      child = profile && this.trees.of(profile).children.get(name);
    }
    return child ? [child, ...child.slices] : [];
  }

  /** By the resource type of the slice's profile; where slices share a type, by what the value claims to be. */
  #ofProfile(slice, { path }, found, element) {
    if (/[()]/.test(path)) return null;
    const names = path === '$this' ? [] : path.split('.');
    const profiles = (one) => {
      const last = names.reduce((at, name) => at?.children.get(name), one);
      const urls = (last?.definition.type ?? []).flatMap((type) => type.profile ?? []);
      return urls.map((url) => this.registry.structure(url)).filter(Boolean);
    };
    const value = names.reduce((at, name) => at?.[name], found.value);
    const wanted = profiles(slice);
    const fits = (structures) => structures.some(({ type }) => type === value.resourceType);
    if (!value || !fits(wanted)) return false;
    const rivals = element.slices.filter((one) => one !== slice && fits(profiles(one)));
    const claims = (value.meta?.profile ?? []).map((url) => url.split('|')[0]);
    return !rivals.length || wanted.some(({ url }) => claims.includes(url));
  }

  /** A predicate of the values an element lets through by fixed values, patterns and required bindings, or null. */
  #demand({ definition, children }) {
    const fixed = typedKey(definition, 'fixed');
    if (fixed) return (value) => equal(definition[fixed], value);
    const pattern = typedKey(definition, 'pattern');
    if (pattern) return (value) => holds(definition[pattern], value);
    const parts = [];
    for (const [name, child] of children) {
      for (const one of [child, ...child.slices]) {
        const demand = this.#demand(one);
        if (demand) parts.push([name, demand, one.definition.min > 0]);
      }
    }
    if (parts.length) return (value) => value !== undefined && parts.every((part) => fulfils(value, part));
    const { strength, valueSet } = definition.binding ?? {};
    if (strength !== 'required' || !valueSet) return null;
    return (value, type) => this.inValueSet(valueSet, value, type) === true;
  }
}

function exists(element, values) {
  if (!element) return null;
  if (element.definition.max === '0') return values.length === 0;
  return element.definition.min > 0 ? values.length > 0 : null;
}

function fulfils(object, [name, demand, needed]) {
  const values = valuesOf(object, name);
  return values.length ? values.some(({ value }) => demand(value)) : !needed;
}
