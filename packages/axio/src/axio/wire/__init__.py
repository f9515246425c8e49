"""How transports speak to HTTP servers: events in, one loop around them.

`sse` and `retry` are pure; `http` is the one HTTP loop, over any session that looks like aiohttp's;
`session` owns sessions for transports that were not given one. Nothing here is imported by ``import
axio``.
"""
