"""The service's calls to Facebook's Graph API. Answers are fetched on request and never stored.

- A shop's request: `graph_reader` takes it. `edges` has the paths and fields, `parse` and `videos` the form of answers.
- Each call: `calls` makes the tries. `gate` and `account` decide when a try may start. `client` and `wire` speak HTTP.
  `verdicts` chooses one of the `errors`, `usage` reads the budgets, and `retry` decides whether to try again.
  `field_list` leaves out fields, and `places` knows where a list continues.
- A Page and its token: `pages` connects and disconnects a Page, with `claims` and `token_checks`. `page_setup` asks
  Facebook about its token and webhooks, with `token_facts` and `fields`. `token_death` marks a dead token, and
  `page_remover` handles a Page that was removed from the app.
- Regular checks: `heartbeat` notices outages. `watch` checks Pages at the times of `schedule`. `examine` is for
  `page-inbox doctor`.
- Missed messages: `heal_requests` takes a shop's request. `heal` does the work in turns (`heal_turn`), with
  `conversation_calls`, `walk`, `history`, `fetched_messages` and `unhealed`.
- `store` has the Protocols of what this package needs from the store.
"""
