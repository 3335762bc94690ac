"""Generates an AsyncAPI 3.0 document of the topics, the events, and the holdings query that holders answer."""

from collections.abc import Mapping
from typing import Any

from clawback_contracts.registry import ANSWER, QUESTION
from clawback_contracts.signatures import HEADER
from clawback_contracts.topics import ProfileName, Topic

PROFILE: ProfileName = "production"
"""The document describes the topics as in production."""

_HEADERS = {
    "ce_specversion": {"type": "string", "const": "1.0"},
    "ce_id": {"type": "string", "format": "uuid", "description": "the permanent identity of the event"},
    "ce_source": {"type": "string", "minLength": 1, "description": "the sender"},
    "ce_type": {"type": "string", "description": "the type of the event, with its major version"},
    "ce_time": {"type": "string", "format": "date-time"},
    "ce_subject": {"type": "string", "description": "the record's key"},
    "content-type": {"type": "string", "const": "application/json"},
    "traceparent": {"type": "string", "description": "W3C Trace Context"},
    HEADER: {
        "type": "string",
        "description": "key id, a colon, Ed25519 signature in base64url; authenticates the sender",
    },
}
WRITER = "writer"
"""Placeholder for the name of the writer of a single-writer topic."""
_WRITER = {
    WRITER: {"description": "the only system that may write the topic; production has only such topics"}
}
_OPTIONAL = frozenset({"traceparent", HEADER})


HOLDINGS = "holdings"
_HOLDINGS = {
    "servers": [{"$ref": "#/servers/holder"}],
    "address": None,
    "description": "The address that a holder registered as holdings_url: compliance asks there whether removed ids "
    "are still held. The response must come within 10 s, with at most 64 KiB, without content encoding or redirect. "
    "Any other response counts as unknown, and unknown counts as held. In production the host is public, or in a "
    "network that the operator allows.",
    "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in (QUESTION, ANSWER)},
}


_SERVERS: dict[str, Any] = {
    "kafka": {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "variables": {"bootstrap": {"default": "127.0.0.1:9092", "description": "any broker"}},
    },
    "holder": {
        "host": "{host}",
        "protocol": "https",
        "description": "a holder; plain HTTP in development only",
        "variables": {"host": {"description": "the host of the holder's holdings_url"}},
    },
}


def document(topics: Mapping[str, Topic], events: Mapping[str, str]) -> dict[str, Any]:
    """Build the document. ``events``: by CloudEvents type, the name under ``schemas`` without ``.json``."""
    topics = {**topics, **{one.name: one for one in map(_of_writers, topics.values()) if one}}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Clawback",
            "version": "1.0.0",
            "description": "Licensed news is distributed, and every revoked article is removed again. Values are JSON, "
            "enveloped by CloudEvents 1.0 in Kafka's binary binding. Every integer is within 2^53 - 1.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {
            **{name: _channel(topic, events) for name, topic in topics.items()},
            HOLDINGS: _HOLDINGS,
        },
        "operations": {
            f"{who}.{action}.{name}": _operation(name, action, who)
            for name, topic in topics.items()
            for action, parties in (("send", topic.writers), ("receive", topic.readers))
            for who in parties
        }
        | {f"compliance.send.{HOLDINGS}": _ask("send"), f"holder.receive.{HOLDINGS}": _ask("receive")},
        "components": _components(topics, events),
    }


def _components(topics: Mapping[str, Topic], events: Mapping[str, str]) -> dict[str, Any]:
    return {
        "messages": {
            **{name: _message(kind, name, topics) for kind, name in events.items()},
            QUESTION: _body(QUESTION),
            ANSWER: _body(ANSWER, {"statusCode": 200}),
        },
        "messageTraits": {"cloudevent": {"headers": {"$ref": "#/components/schemas/headers"}}},
        "schemas": {
            "headers": {
                "type": "object",
                "required": [name for name in _HEADERS if name not in _OPTIONAL],
                "properties": _HEADERS,
            }
        },
    }


def _of_writers(topic: Topic) -> Topic | None:
    """Return the single-writer topics as one channel with a parameter."""
    return topic.of_writer(WRITER).model_copy(update={"writers": topic.writers}) if topic.per_writer else None


def _channel(topic: Topic, events: Mapping[str, str]) -> dict[str, Any]:
    kept = topic.config(PROFILE)
    return {
        "servers": [{"$ref": "#/servers/kafka"}],
        "address": topic.name.replace(f".{WRITER}.", ".{writer}."),
        **({"parameters": _WRITER} if f".{WRITER}." in topic.name else {}),
        "description": topic.description,
        "messages": {
            events[kind]: {"$ref": f"#/components/messages/{events[kind]}"} for kind in topic.events
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions(PROFILE),
                "replicas": topic.replicas(PROFILE),
                "topicConfiguration": {
                    "cleanup.policy": [kept["cleanup.policy"]],
                    "retention.ms": int(kept["retention.ms"]),
                    "retention.bytes": int(kept["retention.bytes"]),
                    "max.message.bytes": int(kept["max.message.bytes"]),
                },
                "bindingVersion": "0.5.0",
            }
        },
        "x-owner": topic.owner,
        "x-content": topic.content,
        "x-topic-config": {name: kept[name] for name in sorted(kept)},
    }


def _operation(topic: str, action: str, who: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "summary": f"{who} {'writes' if action == 'send' else 'reads'} {topic}",
    }
    if action == "receive":
        group = {"type": "string", "description": "the reader's consumer group"}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": "0.5.0"}}
    return operation


def _message(kind: str, name: str, topics: Mapping[str, Topic]) -> dict[str, Any]:
    key = next(topic.key for topic in topics.values() if kind in topic.events)
    return {
        "name": kind,
        "contentType": "application/json",
        "payload": {"$ref": f"./schemas/{name}.json"},
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"the field {key} of the value"},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _ask(action: str) -> dict[str, Any]:
    channel = f"#/channels/{HOLDINGS}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": "compliance asks a holder" if action == "send" else "a holder answers compliance",
        "messages": [{"$ref": f"{channel}/messages/{QUESTION}"}],
        "reply": {"channel": {"$ref": channel}, "messages": [{"$ref": f"{channel}/messages/{ANSWER}"}]},
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
    }


def _body(name: str, http: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "contentType": "application/json",
        "payload": {"$ref": f"./schemas/{name}.json"},
    }
    return found | ({"bindings": {"http": {**http, "bindingVersion": "0.3.0"}}} if http else {})
