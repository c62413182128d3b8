// The formats of FHIR R4's primitive types.
const YEAR = '([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)';
const MONTH = '(0[1-9]|1[0-2])';
const DAY = '(0[1-9]|[1-2][0-9]|3[0-1])';
const TIME = '([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?';
const ZONE = '(Z|(\\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00))';
const DATES = ['date', 'dateTime', 'instant'];

const TEXTS = {
  id: /^[A-Za-z0-9\-.]{1,64}$/,
  code: /^[^\s]+(\s[^\s]+)*$/,
  uri: /^\S+$/,
  url: /^\S+$/,
  canonical: /^\S+$/,
  oid: /^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$/,
  uuid: /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  date: new RegExp(`^${YEAR}(-${MONTH}(-${DAY})?)?$`),
  dateTime: new RegExp(`^${YEAR}(-${MONTH}(-${DAY}(T${TIME}${ZONE})?)?)?$`),
  instant: new RegExp(`^${YEAR}-${MONTH}-${DAY}T${TIME}${ZONE}$`),
  time: new RegExp(`^${TIME}$`),
  base64Binary: /^[0-9A-Za-z+/\s]*={0,2}\s*$/,
  string: /\S/,
  markdown: /\S/,
  xhtml: /</,
};
const NUMBERS = {
  decimal: Number.isFinite,
  integer: Number.isInteger,
  unsignedInt: (value) => Number.isInteger(value) && value >= 0,
  positiveInt: (value) => Number.isInteger(value) && value > 0,
};

export const PRIMITIVES = new Set([...Object.keys(TEXTS), ...Object.keys(NUMBERS), 'boolean']);

/** What is wrong with `value` as a primitive of `type`, or null. */
export function primitiveFault(type, value) {
  if (type === 'boolean') return typeof value === 'boolean' ? null : 'must be true or false';
  if (NUMBERS[type]) {
    return typeof value === 'number' && NUMBERS[type](value) ? null : `no ${type}: ${JSON.stringify(value)}`;
  }
  if (typeof value !== 'string') return `must be a string (${type})`;
  if (!TEXTS[type].test(value)) return `no valid ${type}: ${JSON.stringify(value).slice(0, 60)}`;
  return DATES.includes(type) && value.length >= 10 && !dayExists(value) ? `no such day: ${value}` : null;
}

function dayExists(text) {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number);
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

/** What R4 forbids in any JSON of it: null, empty texts, arrays and objects, control characters. */
export function* shapeFaults(value, path) {
  if (value === null) yield [path, 'null is not allowed'];
  else if (typeof value === 'string') {
    if (!value.trim()) yield [path, 'an empty string'];
    else if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(value)) yield [path, 'a control character in a string'];
  } else if (Array.isArray(value)) {
    if (!value.length) yield [path, 'an empty array'];
    // A null in an array keeps the place of a primitive whose `_name` says the rest.
    for (const [n, item] of value.entries()) if (item !== null) yield* shapeFaults(item, `${path}[${n}]`);
  } else if (typeof value === 'object') {
    const names = Object.keys(value);
    if (!names.length) yield [path, 'an empty object'];
    for (const name of names) yield* shapeFaults(value[name], `${path}.${name}`);
  }
}
