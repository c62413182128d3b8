"""XML from strangers as a small tree: no document type, no entity of its own, nothing fetched, all of it bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from fhir_bridge.imports.model import DocumentError

_DEEPEST: Final = 100
_MOST: Final = 400_000
_MOST_TEXT: Final = 1 << 20
_SPACE: Final = " "


class Node:
    """An element: `tag` without its namespace, attributes likewise, its own text, and the line where it begins."""

    __slots__ = ("attributes", "children", "line", "space", "tag", "text")

    def __init__(self, name: str, attributes: dict[str, str], line: int) -> None:
        self.space, _, self.tag = name.rpartition(_SPACE)
        self.attributes = {key.rpartition(_SPACE)[2]: value for key, value in attributes.items()}
        self.children: list[Node] = []
        self.text = ""
        self.line = line

    def get(self, name: str) -> str:
        """The attribute of that name, "" where there is none."""
        return self.attributes.get(name, "")

    def all(self, *path: str) -> list[Node]:
        """The elements at the end of a path of tags below this one."""
        found = [self]
        for tag in path:
            found = [child for node in found for child in node.children if child.tag == tag]
        return found

    def first(self, *path: str) -> Node | None:
        """The first element at the end of a path of tags."""
        return next(iter(self.all(*path)), None)

    def below(self, tag: str) -> Iterator[Node]:
        """Every element of that tag at any depth, in the order of the document."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.below(tag)

    def words(self) -> str:
        """The text of the element and of all below it."""
        return "".join([self.text, *(child.words() for child in self.children)]).strip()


class _Tree:
    """What expat tells, as a tree."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=_SPACE)
        self.parser.buffer_text = True
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.words
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.root: Node | None = None
        self.open: list[Node] = []
        self.count = 0
        self.long = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        node = Node(name, attributes, self.parser.CurrentLineNumber)
        self.count += 1
        if len(self.open) >= _DEEPEST or self.count > _MOST:
            raise DocumentError("too-large", "the document is deeper or longer than any is", self.place())
        if self.open:
            self.open[-1].children.append(node)
        elif self.root is None:
            self.root = node
        self.open.append(node)

    def end(self, _name: str) -> None:
        self.open.pop()

    def words(self, text: str) -> None:
        self.long += len(text)
        if self.open and len(self.open[-1].text) < _MOST_TEXT:
            self.open[-1].text += text

    def doctype(self, *_said: object) -> None:
        # Entities can only be declared here: without it there are none to expand or to fetch.
        raise DocumentError("unsafe-xml", "the document brings a document type of its own", self.place())

    def place(self) -> str:
        return f"line {self.parser.CurrentLineNumber}"


def tree_of(data: bytes) -> Node:
    """The root of an XML document; raises DocumentError damaged-xml, unsafe-xml or too-large with the line."""
    tree = _Tree()
    try:
        tree.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DocumentError("damaged-xml", expat.ErrorString(error.code), f"line {error.lineno}") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError("damaged-xml", "the document names an encoding that nobody knows", "line 1") from error
    if tree.root is None:
        raise DocumentError("damaged-xml", "there is no element", "line 1")
    return tree.root
