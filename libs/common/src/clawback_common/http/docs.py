"""The documentation page of an API, served from this process alone: the browser loads nothing from elsewhere."""

from importlib.resources import files
from typing import Final

import fastapi_offline
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
"""The files of Swagger UI, from the package that contains them."""


def docs_routes(title: str, openapi_url: str) -> list[BaseRoute]:
    """Return ``/docs``, and the files that it needs.

    Args:
        title: of the API.
        openapi_url: the path of its description.
    """
    folder = files(fastapi_offline) / "static"
    html = get_swagger_ui_html(
        openapi_url=openapi_url,
        title=title,
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon.png",
    )

    async def docs(_: Request) -> Response:
        return html

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            raise HTTPException(404)
        return FileResponse(str(folder / name), media_type=ASSETS[name])

    return [Route("/docs", docs), Route("/docs/{name}", asset)]
