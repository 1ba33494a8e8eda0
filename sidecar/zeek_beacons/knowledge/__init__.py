"""Public knowledge, offline: what published lists say of a server's name and address.

How popular the registered domain is, whose network an address lies in, where anybody can have a name. All of it comes
from one dated file beside the model (docs/knowledge.md); nothing is fetched. It explains, and lowers or raises a
score; it clears nobody: implants sit on clouds, behind popular names and on trusted sites.
"""

from zeek_beacons.knowledge.lookup import Knowledge, NameFacts, knowledge_of, registered_domain, shipped_knowledge
from zeek_beacons.knowledge.tags import CDNS, CLOUDS, OPERATORS, TAG_BIT, TAG_TEXTS, TAGS, tag_names, tag_texts

__all__ = [
    "CDNS",
    "CLOUDS",
    "OPERATORS",
    "TAGS",
    "TAG_BIT",
    "TAG_TEXTS",
    "Knowledge",
    "NameFacts",
    "knowledge_of",
    "registered_domain",
    "shipped_knowledge",
    "tag_names",
    "tag_texts",
]
