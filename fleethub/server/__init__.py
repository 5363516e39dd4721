"""The HTTP API and the page: guards, routes over the use-cases, metrics. The only asynchronous room.

It imports fastapi and starlette, which come with the extra ``fleethub[server]``.
"""
