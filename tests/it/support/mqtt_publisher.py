"""An MQTT publisher with nothing of andon in it (paho-mqtt).

    mqtt_publisher.py PORT [VERSION]

Reads lines of JSON, `{"topic", "payload" (text) or "hex", "qos" (1), "retain" (false), "times" (1)}`, publishes each, and answers a line with the
number of messages once the broker has acknowledged them, or for QoS 0 once they have left. In a payload that is published several times `%d`
is its number from 0 on, and "size" fills it up with spaces.
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
        payload = bytes.fromhex(one["hex"]) if "hex" in one else one.get("payload", "").encode()
        sent = []
        for number in range(times):
            body = payload.replace(b"%d", str(number).encode()) if times > 1 else payload
            body = body.ljust(one.get("size", 0))
            sent.append(client.publish(one["topic"], body, one.get("qos", 1), one.get("retain", False)))
            # Its own queue has no bound; what is far ahead of the broker waits here.
            if number >= 500:
                sent[number - 500].wait_for_publish()
        for one in sent:
            one.wait_for_publish()
        print(len(sent), flush=True)


main()
