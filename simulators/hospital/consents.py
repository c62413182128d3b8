"""Who agreed to the network: without it nothing about a patient is told or taken."""

from __future__ import annotations

from simulators.hospital.journal import Agreement, Journal, Version
from simulators.hospital.outcomes import RefusedError
from simulators.hospital.records import Records, identifiers
from simulators.hospital.references import references_in
from simulators.hospital.words import Resource

_SUBJECTS = ("subject", "patient", "for")


class Consents:
    """The patients (ids) who agreed; nobody has until they say so."""

    def __init__(self, journal: Journal, records: Records) -> None:
        self._journal, self._records = journal, records
        self._agreed: set[str] = set()
        for line in journal.before:
            if isinstance(line, Agreement):
                self._apply(line)

    def change(self, patient: str, *, given: bool) -> None:
        """Write down that a patient agreed or took it back; requests that are running finish first."""
        with self._records.lock:
            line = Agreement(patient, given)
            self._journal.write(line)
            self._apply(line)

    def gives(self, patient: str) -> bool:
        """Whether this patient agreed."""
        return patient in self._agreed

    def owners(self, body: Resource) -> set[str]:
        """The ids of the patients a resource is about; raises RefusedError (422) when a named one is not known."""
        if body.get("resourceType") == "Patient":
            return {body["id"]} if "id" in body else set()
        found = references_in(body)
        patients = {id_ for kind, id_ in found if kind == "Patient"}
        patients |= {self._identified(body, name) for name in _SUBJECTS if _is_logical(body.get(name))}
        if body.get("resourceType") == "Provenance":
            about = [self._records.current(kind, id_) for kind, id_ in found if kind not in {"Patient", "Provenance"}]
            patients |= {owner for version in about if version for owner in self.owners(version.body)}
        return patients

    def require(self, body: Resource) -> None:
        """Raises RefusedError (403) unless everyone a resource is about agreed."""
        for patient in self.owners(body):
            if patient not in self._agreed:
                raise RefusedError(403, "this patient has not agreed to the network")

    def open_to_all(self, version: Version) -> bool:
        """Whether a stored resource may be told."""
        return self.owners(version.body) <= self._agreed

    def _identified(self, body: Resource, name: str) -> str:
        said = body[name]["identifier"]
        wanted = (said.get("system"), said.get("value"))
        hits = self._records.named("Patient", str(wanted[1]))
        for version in hits:
            if wanted in identifiers(version.body):
                return version.id
        raise RefusedError(422, "no patient has this identifier", place=f"{body.get('resourceType')}.{name}")

    def _apply(self, line: Agreement) -> None:
        if line.given:
            self._agreed.add(line.patient)
        else:
            self._agreed.discard(line.patient)


def _is_logical(value: object) -> bool:
    return isinstance(value, dict) and "reference" not in value and isinstance(value.get("identifier"), dict)
