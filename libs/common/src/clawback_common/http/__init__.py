"""HTTP for every service. Import from the modules, so that a worker does not load FastAPI.

`probes`, `probe_app`, `problem` and `dead_letters` do not import FastAPI. `app` (`create_app`), `problems`, `auth`,
`paging`, `bodies`, `routers` and `middleware` are for APIs.
"""
