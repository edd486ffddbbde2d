"""An MQTT publisher with nothing of andon in it (paho-mqtt).

    mqtt_publisher.py PORT [VERSION]

Reads lines of JSON, `{"topic", "payload" (a text, or a list of which each is next) or "hex", "qos" (1), "retain" (false), "times" (1)}`,
publishes each, and answers a line with the number of messages once the broker has acknowledged them, or for QoS 0 once they have left. In the
topic and payload of what is published several times `%d` is its number from 0 on, and "size" fills a payload up with spaces.
"""

import json
import sys

import paho.mqtt.client as mqtt


def main():
    version = {"3": mqtt.MQTTv311, "5": mqtt.MQTTv5}[sys.argv[2] if len(sys.argv) > 2 else "3"]
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=version)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", int(sys.argv[1]))
    client.loop_start()
    for line in sys.stdin:
        one = json.loads(line)
        times = one.get("times", 1)
        payloads = one.get("payload", "")
        payloads = payloads if isinstance(payloads, list) else [payloads]
        payloads = [bytes.fromhex(one["hex"])] if "hex" in one else [payload.encode() for payload in payloads]
        sent = []
        for number in range(times):
            body = payloads[number % len(payloads)]
            body = body.replace(b"%d", str(number).encode()) if times > 1 else body
            body = body.ljust(one.get("size", 0))
            topic = one["topic"].replace("%d", str(number)) if times > 1 else one["topic"]
            sent.append(client.publish(topic, body, one.get("qos", 1), one.get("retain", False)))
            # Its own queue has no bound; what is far ahead of the broker waits here.
            if number >= 500:
                sent[number - 500].wait_for_publish()
        for one in sent:
            one.wait_for_publish()
        print(len(sent), flush=True)


main()
