"""Publishes numbered values at QoS 1 with paho-mqtt, evenly, and says of each one when the broker has acknowledged it.

mqtt_load.py PORT RATE MACHINES EVERY: message n, from 0, is of machine n % MACHINES + 1, and a machine changes its side with every
EVERY-th of its messages. The value is far above every limit or far below it and has the number in it: 1000 + n or -1000 - n. A line
of input stops the flow, which is answered with `enough` once all is acknowledged; the end of the input ends it with one more message of each
machine, and one of a machine that had none. Every other line is `number machine value`; the first is `ready`.
"""

import collections
import select
import sys
import time

import paho.mqtt.client as mqtt

port, rate, machines, every = map(int, sys.argv[1:])

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="load")
client.max_inflight_messages_set(2000)
client.max_queued_messages_set(0)
client.connect("127.0.0.1", port)
client.loop_start()
while not client.is_connected():
    time.sleep(0.01)
print("ready", flush=True)

under_way = collections.deque()


def publish(number, machine, up):
    value = 1000 + number if up else -1000 - number
    info = client.publish(f"plant/m-{machine}/temp", str(value), qos=1)
    under_way.append((info, f"{number} {machine} {value}"))


def publish_next():
    global number
    machine = number % machines
    publish(number, machine + 1, (number // machines + machine) // every % 2 == 0)
    number += 1


def tell():
    while under_way and under_way[0][0].is_published():
        print(under_way.popleft()[1])
    sys.stdout.flush()


number = 0
begin = time.monotonic()
while not select.select([sys.stdin], [], [], 0.005)[0]:
    # What is due by now, so that a late wake-up changes nothing about the rate.
    while number < (time.monotonic() - begin) * rate:
        publish_next()
    tell()


def drain():
    while under_way:
        tell()
        time.sleep(0.005)


drain()
if sys.stdin.readline():
    print("enough", flush=True)
    sys.stdin.read()
for _ in range(machines):
    publish_next()
publish(number, machines + 1, True)
drain()
client.disconnect()
client.loop_stop()
