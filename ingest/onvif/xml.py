"""XML from strangers: no document type, so no entities of theirs and nothing fetched; bounded in every direction."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

DEPTH_MAX = 32
NODES_MAX = 20_000
TEXT_MAX_CHARS = 4096


class BadXml(ValueError):
    """Not XML, or XML that nobody needs for what we ask."""


@dataclass(slots=True)
class Node:
    """One element; names are local, since cameras choose prefixes, and at times name spaces, as they like."""

    name: str
    namespace: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    """By local name."""
    text: str = ""
    children: list["Node"] = field(default_factory=list)

    def find(self, *path: str) -> "Node | None":
        """Return the first node down this path of names."""
        node: Node | None = self
        for name in path:
            node = next((child for child in node.children if child.name == name), None) if node else None
        return node

    def text_of(self, *path: str) -> str:
        """Return the text down this path, empty when there is none."""
        node = self.find(*path)
        return node.text.strip() if node else ""

    def walk(self, name: str) -> Iterator["Node"]:
        """Yield every node of this name below, in order; not those within one that was yielded."""
        for child in self.children:
            if child.name == name:
                yield child
            else:
                yield from child.walk(name)


def parse(document: bytes) -> Node:
    """Return the root; `BadXml` for what is malformed, too deep, too many, or declares a document type."""
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, LookupError, UnicodeError) as malformed:
        raise BadXml("malformed XML") from malformed
    if builder.root is None:
        raise BadXml("malformed XML")
    return builder.root


def _refuse(*_: object) -> None:
    raise BadXml("XML with a document type")


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > NODES_MAX or len(self._open) >= DEPTH_MAX:
            raise BadXml("too much XML")
        namespace, _, local = name.rpartition("}")
        said = {key.rpartition("}")[2]: value[:TEXT_MAX_CHARS] for key, value in attributes.items()}
        node = Node(local, namespace, said)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def end(self, _name: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        node = self._open[-1]
        room = TEXT_MAX_CHARS - len(node.text)
        if room > 0:
            node.text += text[:room]


def plain(text: str, *, most: int = 80) -> str:
    """Return what of a camera's words may be shown: one short printable line."""
    return "".join(char if char.isprintable() else " " for char in text.strip())[:most].strip()
