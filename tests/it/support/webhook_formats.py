#!/usr/bin/env python3
"""Reads recorded webhooks as their receivers would, with nothing of andon in it: the CloudEvents SDK, and the standard library.

    webhook_formats.py KEY < requests.jsonl

Each line of the input is {"path": "/hasp", "method": "POST", "headers": {..}, "body": ".."}, where the path says which receiver it is for;
each line of the output is {"verdict": "ok", "event": "..", "machine": ".."} or says what is wrong. A signature must not fit another
body, so that a verifier that says yes to everything would be noticed.
"""

import base64
import datetime
import hashlib
import hmac
import json
import sys
import urllib.parse

from cloudevents.core.bindings.http import HTTPMessage, from_http_event


class Wrong(Exception):
    pass


def must(fine, what):
    if not fine:
        raise Wrong(what)


def signed(key, headers, body, header, prefix):
    def digits(text):
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()

    got = headers.get(header, "")
    must(got.startswith(prefix), f"{header} is {got!r}")
    must(hmac.compare_digest(got[len(prefix):], digits(body)), f"{header} does not fit the body")
    must(got[len(prefix):] != digits(body + " "), "the signature fits another body too")


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def cloudevent(request):
    event = from_http_event(HTTPMessage(headers=request["headers"], body=request["body"].encode()))
    data = event.get_data()
    must(event.get_specversion() == "1.0", "specversion")
    must(event.get_id() == data["id"], "the id is not that of the data")
    must(event.get_source() == "/andon/plant-7", f"source {event.get_source()}")
    must(event.get_type() == "andon." + data["event"], f"type {event.get_type()}")
    must(event.get_time() == instant(data["timestamp"]), f"time {event.get_time()}")
    must(event.get_extension("partitionkey") == data["dedup_key"], "partitionkey")
    must(event.get_subject() == "mill-1/spindle-overtemp", f"subject {event.get_subject()}")
    return data["event"], data["alert"]["machine_id"], data["alert"]["machine_name"]


def structured(request, key):
    must(request["headers"]["content-type"].startswith("application/cloudevents+json"), "content type")
    must(request["headers"]["authorization"] == f"Bearer {key}", "token")
    return cloudevent(request)


def binary(request, key):
    must(request["headers"]["content-type"] == "application/json", "content type")
    scheme, _, both = request["headers"]["authorization"].partition(" ")
    must(scheme == "Basic" and base64.b64decode(both).decode() == f"plant-7:{key}", "name and password")
    return cloudevent(request)


def hasp(request, key):
    body, headers = json.loads(request["body"]), request["headers"]
    known = {"event_id", "event_type", "category", "severity", "summary", "occurred_at", "org_id", "resource", "metadata"}
    must(set(body) == known, f"fields {set(body) ^ known}")
    must(headers["user-agent"] == "Hasp-Alert/1.0", "agent")
    must(headers["content-type"] == "application/json", "content type")
    must(headers["x-hasp-alert-event-id"] == body["event_id"], "id")
    must(headers["x-hasp-alert-event-type"] == body["event_type"], "type")
    must(len(body["event_id"]) == 26, "no ULID")
    must(instant(body["occurred_at"]).utcoffset() == datetime.timedelta(0), "time")
    must(body["category"] == "process" and body["org_id"] == "plant-7", "category or org")
    rule, _, step = body["event_type"].rpartition(".")
    must(body["metadata"]["dedup_key"] == hashlib.sha256(f"plant-7:{rule}:{body['resource']['id']}".encode()).hexdigest(), "dedup key")
    must(body["resource"]["type"] == "machine", "resource")
    return f"alert.{step}", body["resource"]["id"], body["metadata"]["machine_name"]


def alertmanager(request, key):
    signed(key, request["headers"], request["body"], "x-signature", "sha256=")
    body = json.loads(request["body"])
    must(body["version"] == "4" and body["receiver"] == "plant", "version or receiver")
    (alert,) = body["alerts"]
    must(alert["status"] == body["status"], "status")
    never = datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)
    ended = instant(alert["endsAt"])
    must((ended == never) == (body["status"] == "firing"), f"endsAt {alert['endsAt']}")
    must(ended == never or ended >= instant(alert["startsAt"]), "ends before it starts")
    for name, value in body["groupLabels"].items():
        must(alert["labels"][name] == value, f"group label {name}")
    word = {"firing": "alert.triggered", "resolved": "alert.resolved"}[body["status"]]
    return word, alert["labels"]["machine"], alert["labels"]["machine_name"]


def haltless(request, key):
    must(request["headers"]["x-webhook-secret"] == key, "secret")
    body = json.loads(request["body"])
    must(set(body) == {"event", "timestamp", "tenant_id", "alert"}, f"fields {set(body)}")
    return body["event"], body["alert"]["machine_id"], body["alert"]["machine_name"]


def own_json(request, key):
    must(request["method"] == "PUT", "method")
    signed(key, request["headers"], request["body"], "x-webhook-signature", "")
    body = json.loads(request["body"])
    must(body["priority"] == 5 and isinstance(body["value"], (int, float)), f"{body}")
    return body["event"], body["machine"], body["name"]


def own_form(request, key):
    signed(key, request["headers"], request["body"], "x-hub-signature-256", "sha256=")
    must(request["headers"]["content-type"] == "application/x-www-form-urlencoded", "content type")
    fields = urllib.parse.parse_qs(request["body"], strict_parsing=True)
    must(set(fields) == {"to", "event", "machine", "name"} and fields["to"] == ["+491701234567"], f"{fields}")
    return fields["event"][0], fields["machine"][0], fields["name"][0]


def own_get(request, key):
    must(request["method"] == "GET" and not request["body"], "method or body")
    url = urllib.parse.urlsplit(request["path"])
    fields = urllib.parse.parse_qs(url.query, strict_parsing=True)
    return fields["event"][0], url.path.rsplit("/", 1)[1], fields["name"][0]


RECEIVERS = {
    "structured": structured,
    "binary": binary,
    "hasp": hasp,
    "alertmanager": alertmanager,
    "haltless": haltless,
    "json": own_json,
    "form": own_form,
    "get": own_get,
}


def judge(request, key):
    receiver = RECEIVERS[request["path"].split("?")[0].split("/")[1]]
    try:
        event, machine, name = receiver(request, key)
    except Wrong as wrong:
        return {"verdict": str(wrong)}
    except Exception as error:  # a header that is missing, a body that cannot be parsed
        return {"verdict": f"not readable: {error!r}"}
    return {"verdict": "ok", "event": event, "machine": machine, "name": name}


def main():
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line), sys.argv[1])), flush=True)


if __name__ == "__main__":
    main()
