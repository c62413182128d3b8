// A StructureDefinition's snapshot as a tree of elements, and the values a resource has for an element.
const SYSTEM_TYPE = 'http://hl7.org/fhirpath/System.';

export const isObject = (value) => Boolean(value) && typeof value === 'object' && !Array.isArray(value);
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The FHIR name of an element's type. */
export function typeName({ code }) {
  if (!code.startsWith(SYSTEM_TYPE)) return code;
  const name = code.slice(SYSTEM_TYPE.length);
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/** One element: its definition, its children by name, and the slices it is cut into. */
class Element {
  constructor(definition, name, slice = null) {
    this.definition = definition;
    this.name = name;
    this.slice = slice;
    this.children = new Map();
    this.slices = [];
  }
}

/** The root element of a StructureDefinition; `byId` finds every element below it. */
export function treeOf(structure) {
  if (!structure.snapshot) throw new Error(`no snapshot: ${structure.url}`);
  const byId = new Map();
  for (const definition of structure.snapshot.element) {
    const id = definition.id ?? definition.path;
    const parts = id.split('.');
    const [name, ...slice] = parts.at(-1).split(':');
    const element = new Element(definition, name, slice.join(':') || null);
    byId.set(id, element);
    if (parts.length === 1) continue;
    const parent = byId.get(parts.slice(0, -1).join('.'));
    if (!parent) throw new Error(`an element without its parent: ${id} of ${structure.url}`);
    if (element.slice) byId.get(`${parts.slice(0, -1).join('.')}.${name}`)?.slices.push(element);
    else parent.children.set(name, element);
  }
  const root = byId.values().next().value;
  return Object.assign(root, { byId, structure });
}

/** The values of child `name` of an object, `value[x]` included, as {value, type, property, index}. */
export function valuesOf(object, name, types = []) {
  if (!isObject(object)) return [];
  if (!name.endsWith('[x]')) return valuesAt(object, name, null);
  const stem = name.slice(0, -3);
  const found = [];
  for (const property of Object.keys(object)) {
    const plain = property.replace(/^_/, '');
    if (!plain.startsWith(stem) || !/^[A-Z]/.test(plain.slice(stem.length))) continue;
    if (property !== plain && object[plain] !== undefined) continue;
    const suffix = plain.slice(stem.length);
    const known = types.find((type) => capital(typeName(type)) === suffix);
    found.push(...valuesAt(object, plain, known ? typeName(known) : suffix));
  }
  return found;
}

function valuesAt(object, property, type) {
  const [plain, extended] = [object[property], object[`_${property}`]];
  if (plain === undefined && extended === undefined) return [];
  if (!Array.isArray(plain) && !Array.isArray(extended)) return [{ value: plain, type, property }];
  const length = Math.max(plain?.length ?? 0, extended?.length ?? 0);
  return Array.from({ length }, (_, index) => ({ value: plain?.[index] ?? undefined, type, property, index }));
}

/** The name of the property of a definition that begins so and ends with a type: `fixedUri`, `patternCoding`. */
export function typedKey(definition, start) {
  return Object.keys(definition).find((key) => key.startsWith(start) && /^[A-Z]/.test(key.slice(start.length)));
}

/** Whether two JSON values are equal. */
export function equal(left, right) {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || !left || !right) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => equal(left[name], right[name]));
}

/** Whether `value` holds everything that `pattern` holds. */
export function holds(pattern, value) {
  if (Array.isArray(pattern)) {
    return Array.isArray(value) && pattern.every((part) => value.some((item) => holds(part, item)));
  }
  if (!isObject(pattern)) return pattern === value;
  return isObject(value) && Object.keys(pattern).every((name) => holds(pattern[name], value[name]));
}
