// The rules of R4 on contained resources (dom-2, dom-3, dom-4 and ref-1) that no snapshot says.

/** What is wrong between a resource and what it contains, as [path, message]. */
export function* containmentFaults(resource) {
  const contained = Array.isArray(resource.contained) ? resource.contained : [];
  const said = new Set(localReferences(resource));
  const ids = contained.map(({ id }) => id);
  for (const [n, one] of contained.entries()) {
    if (one.id === undefined) yield [`contained[${n}]`, 'a contained resource without an id'];
    else if (!said.has(`#${one.id}`)) yield [`contained[${n}]`, `nothing refers to #${one.id}`];
    if (one.contained) yield [`contained[${n}]`, 'a contained resource contains another'];
    if (one.meta?.versionId || one.meta?.lastUpdated) yield [`contained[${n}].meta`, 'a version of its own'];
  }
  for (const reference of said) {
    if (reference !== '#' && !ids.includes(reference.slice(1))) yield ['contained', `${reference} is not contained`];
  }
}

function* localReferences(value) {
  if (Array.isArray(value)) for (const item of value) yield* localReferences(item);
  else if (value && typeof value === 'object') {
    if (typeof value.reference === 'string' && value.reference.startsWith('#')) yield value.reference;
    for (const [name, item] of Object.entries(value)) {
      // What stands in a Bundle has references of its own.
      if (name !== 'resource') yield* localReferences(item);
    }
  }
}
