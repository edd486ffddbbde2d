"""Whether bodies keep to what their services document, by JSON Schema: reads a JSON list of [schema, body], answers with a list of mistakes.

The schemas are our own words for the public documentation of each service: names, types, enumerations and lengths.
"""

import json
import sys

from jsonschema import Draft202012Validator, FormatChecker


def text(most=None, **more):
    return {"type": "string", **({"maxLength": most} if most else {}), **more}


def table(required, **properties):
    return {"type": "object", "required": required.split(), "properties": properties, "additionalProperties": False}


LEVELS = ["critical", "error", "warning", "info"]
ANY = {"type": "object"}
# Names as Prometheus takes them; an empty value is one that is not there.
LABELS = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
    "additionalProperties": text(minLength=1),
}
PAGERDUTY_PAYLOAD = table(
    "summary source severity",
    summary=text(1024, minLength=1),
    source=text(minLength=1),
    severity={"enum": LEVELS},
    timestamp=text(format="date-time"),
    component=text(),
    group=text(),
    **{"class": text()},
    custom_details=ANY,
)
NOTE = table("", user=text(100), source=text(100), note=text(25000))
RESPONDER = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": ["team", "user", "escalation", "schedule"]}, "id": text(), "name": text(), "username": text()},
    "minProperties": 2,
    "maxProperties": 2,
    "additionalProperties": False,
}
SCHEMAS = {
    "pagerduty": table(
        "routing_key event_action dedup_key payload",
        routing_key=text(),
        event_action={"enum": ["trigger", "acknowledge", "resolve"]},
        dedup_key=text(255, minLength=1),
        payload=PAGERDUTY_PAYLOAD,
        client=text(),
        client_url=text(format="uri"),
        links={"type": "array", "items": table("href", href=text(format="uri"), text=text())},
    ),
    "opsknight": table(
        "event_action dedup_key payload",
        event_action={"enum": ["trigger", "acknowledge", "resolve"]},
        dedup_key=text(200, minLength=1),
        service_id=text(),
        payload=table(
            "summary source severity",
            summary=text(500, minLength=1),
            source=text(200, minLength=1),
            severity={"enum": LEVELS},
            custom_details=ANY,
        ),
    ),
    "opshift": table(
        "title",
        title=text(200, minLength=1),
        description=text(2000),
        severity={"enum": ["sev0", "sev1", "sev2", "sev3", "sev4"]},
        metadata=ANY,
        group_key=text(200),
    ),
    "harp": table(
        "alert_name alert_severity source object",
        alert_name=text(minLength=1),
        alert_severity={"enum": ["ok", "information", "warning", "critical", "unknown", "urgent"]},
        source=text(minLength=1),
        object=text(minLength=1),
        notification_output=text(),
        additional_fields=ANY,
        additional_urls={"type": "object", "additionalProperties": text(format="uri")},
    ),
    # One schema for each call.
    "opsgenie create": table(
        "message alias",
        message=text(130, minLength=1),
        alias=text(512, minLength=1),
        description=text(15000),
        details={"type": "object", "additionalProperties": text()},
        entity=text(512),
        source=text(100),
        priority={"enum": ["P1", "P2", "P3", "P4", "P5"]},
        responders={"type": "array", "maxItems": 50, "items": RESPONDER},
        tags={"type": "array", "maxItems": 20, "items": text(50)},
    ),
    "opsgenie priority": table("priority", priority={"enum": ["P1", "P2", "P3", "P4", "P5"]}),
    "opsgenie act": NOTE,
    "opsknight integration": table(
        "status dedup_key summary source severity",
        status={"enum": ["triggered", "acknowledged", "resolved"]},
        dedup_key=text(200, minLength=1),
        summary=text(500, minLength=1),
        source=text(200, minLength=1),
        severity={"enum": LEVELS},
        details=ANY,
    ),
    # What its OpenAPI document calls postableAlerts.
    "alertmanager api": {
        "type": "array",
        "minItems": 1,
        "items": table(
            "labels",
            labels=LABELS,
            annotations=LABELS,
            startsAt=text(format="date-time"),
            endsAt=text(format="date-time"),
            generatorURL=text(format="uri"),
        ),
    },
    # What its documentation lists for version 4 of the webhook.
    "alertmanager hook": table(
        "version groupKey truncatedAlerts status receiver groupLabels commonLabels commonAnnotations externalURL alerts",
        version={"const": "4"},
        groupKey=text(minLength=1),
        truncatedAlerts={"type": "integer", "minimum": 0},
        status={"enum": ["firing", "resolved"]},
        receiver=text(minLength=1),
        groupLabels=LABELS,
        commonLabels=LABELS,
        commonAnnotations=LABELS,
        externalURL=text(),
        alerts={
            "type": "array",
            "minItems": 1,
            "items": table(
                "status labels annotations startsAt endsAt generatorURL fingerprint",
                status={"enum": ["firing", "resolved"]},
                labels=LABELS,
                annotations=LABELS,
                startsAt=text(format="date-time"),
                endsAt=text(format="date-time"),
                generatorURL=text(),
                fingerprint=text(pattern="^[0-9a-f]{16}$"),
            ),
        },
    ),
    "opsknight hook": table(
        "event timestamp incident",
        event={"enum": ["incident.triggered", "incident.acknowledged", "incident.resolved"]},
        timestamp=text(format="date-time"),
        incident=table(
            "id title status urgency service",
            id=text(minLength=1),
            title=text(),
            status={"enum": ["OPEN", "ACKNOWLEDGED", "RESOLVED"]},
            urgency={"enum": ["HIGH", "MEDIUM", "LOW"]},
            service=table("id name", id=text(), name=text()),
            assignee={"anyOf": [{"type": "null"}, table("id name", id=text(), name=text())]},
            url={"anyOf": [{"type": "null"}, text(format="uri")]},
        ),
    ),
}
# In bytes, where something is said of the whole.
MOST = {"pagerduty": 512 * 1024, "opshift": 100_000}

mistakes = []
for name, body in json.load(sys.stdin):
    validator = Draft202012Validator(SCHEMAS[name], format_checker=FormatChecker())
    found = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(json.loads(body))]
    if len(body.encode()) > MOST.get(name, len(body.encode())):
        found.append("too long")
    if name == "opsgenie create":
        details = json.loads(body).get("details", {})
        if sum(len(key) + len(value) for key, value in details.items()) > 8000:
            found.append("too many details")
    mistakes.append(found)
print(json.dumps(mistakes))
