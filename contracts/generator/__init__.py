"""Generates the committed files of the contracts: JSON Schemas, AsyncAPI and OpenAPI. In no wheel and no image."""
