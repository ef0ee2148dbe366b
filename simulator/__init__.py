"""Simulates Facebook: makes realistic deliveries, signs them and sends them over HTTP, and answers as Graph does.

- Deliveries: `traffic` draws events of `customers` from `messages`, `notices` and `changes`, with `attachments` and
  `texts`. A `happening` is one event. `oddities` and `poison` are unusual and broken events. `payloads` and `serialize`
  write the JSON.
- Sending: a `plan` says what the `sender` sends, with the headers of `signing`. `ledger` and `summary` say what a
  receiver must have.
- Graph: `graph` is the HTTP application. `graph_call` checks a call, and `graph_edges` and `graph_apps` answer it from
  a `graph_world` of `graph_nodes`, with `graph_documents`, `graph_types`, `graph_fields`, `graph_paging`,
  `graph_render` and `graph_refusals`. `graph_made_up` fills a world. `graph_media` serves its `pictures`.
- For tests: `graph_faults`, `graph_shapes` and `graph_gate` make Graph fail or wait. `graph_seen` records the calls.
"""
