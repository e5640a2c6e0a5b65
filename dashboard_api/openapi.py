"""`python -m dashboard_api.openapi` prints the API's document; it needs no database.

The wall's types are generated from it, and so is the matrix of roles that the tests walk.
"""

import json
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dashboard_api.schemas.base import Problem

TITLE = "alertwall"
PROBLEM_TYPE = "application/problem+json"


def document(app: FastAPI, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of ``app``."""
    made: dict[str, Any] = get_openapi(title=TITLE, version=version, openapi_version="3.1.0", routes=app.routes)
    components = made.setdefault("components", {})
    components["securitySchemes"] = {
        "cookie": {"type": "apiKey", "in": "cookie", "name": "alertwall_login"},
        "bearer": {"type": "http", "scheme": "bearer"},
        "publisher": {"type": "http", "scheme": "bearer", "description": "The publishing token of that one camera."},
    }
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    for item in made["paths"].values():
        for operation in item.values():
            _add_problems(operation)
    return made


def _add_problems(operation: dict[str, Any]) -> None:
    """Say that every error, FastAPI's own 422 included, is a problem document."""
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = {
        "description": "A problem (RFC 9457)",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def main() -> int:
    """Print the document."""
    from dashboard_api.app import bare_app  # noqa: PLC0415  (its routes import this module)
    from dashboard_api.version import version  # noqa: PLC0415

    json.dump(document(bare_app(), version()), sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
