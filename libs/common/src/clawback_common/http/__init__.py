"""HTTP as every service speaks it. Import from the modules: a worker must not pay for FastAPI.

`probes`, `probe_app`, `problem` and `deadletters` are free of it; `app` (`create_app`), `problems`,
`auth`, `paging`, `bodies`, `routers` and `middleware` are for APIs.
"""
