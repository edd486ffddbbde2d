"""Writes Sparkplug B payloads with the Python of Eclipse Tahu (`pip install tahutils`).

Input are lines of JSON, one a payload:

    {"timestamp": 1000, "seq": 1, "metrics": [{"name": "a", "alias": 1, "type": "Int8", "value": -1}]}

A metric without a `type` in it is written without one, as data does, with its value in the field that `field` names. `quality`,
`historical` and `null` are what they say. Output are lines of JSON: {"hex": ".."}.
"""

import json
import sys

from tahutils.tahu import sparkplug_b as tahu
from tahutils.tahu.sparkplug_b_pb2 import Payload


def add(payload, metric):
    name, alias = metric.get("name"), metric.get("alias")
    stamp = metric.get("timestamp", 900)
    if "type" not in metric:
        added = payload.metrics.add()
        if name is not None:
            added.name = name
        if alias is not None:
            added.alias = alias
        added.timestamp = stamp
        setattr(added, metric["field"], metric["value"])
    else:
        kind = getattr(tahu.MetricDataType, metric["type"])
        if metric.get("null"):
            added = tahu.addNullMetric(payload, name, alias, kind, stamp)
        else:
            value = metric["value"]
            if metric["type"] in ("Bytes", "File"):
                value = bytes(value)
            added = tahu.addMetric(payload, name, alias, kind, value, stamp)
    if metric.get("historical"):
        added.is_historical = True
    if "quality" in metric:
        added.properties.keys.append("Quality")
        quality = added.properties.values.add()
        quality.type = 3
        quality.int_value = metric["quality"]


for line in sys.stdin:
    asked = json.loads(line)
    payload = Payload()
    payload.timestamp = asked["timestamp"]
    if "seq" in asked:
        payload.seq = asked["seq"]
    for metric in asked["metrics"]:
        if metric.get("type") == "DataSet":
            table = tahu.initDatasetMetric(payload, metric["name"], metric.get("alias"), ["a"], [3])
            table.rows.add().elements.add().int_value = 1
        elif metric.get("type") == "Template":
            template = tahu.initTemplateMetric(payload, metric["name"], metric.get("alias"), "kind")
            tahu.addMetric(template, "inside", None, tahu.MetricDataType.Int8, 1)
        else:
            add(payload, metric)
    print(json.dumps({"hex": payload.SerializeToString().hex()}), flush=True)
