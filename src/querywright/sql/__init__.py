"""SQL as trees: parsing, qualifying, printing, fingerprints, and the facts that follow from a schema."""

import logging

# sqlglot logs what it cannot parse; parse_query reports the same with a remedy.
logging.getLogger("sqlglot").setLevel(logging.ERROR)
