"""HTTP as every service speaks it. Import from the modules: a worker must not pay for FastAPI.

`probes` and `probe_app` are for workers; `app` (`create_app`), `problems`, `auth`, `paging`,
`routers` and `middleware` for APIs.
"""
