#!/usr/bin/env python3
"""A Modbus TCP device for end-to-end tests, made of pymodbus 3.16 (`pip install "pymodbus>=3.16,<4"`).

    modbus_device.py --port 0 '{"1": {"holding": {"100": [17174, 13107]}, "discrete": {"3": [1]}}}'

It prints its port on a line of its own when it listens. Units are those of the JSON (1 if it names none); each has 10,000
addresses of each kind, 0 unless given; higher ones are refused with exception 2, and units it has not with exception 4.
Commands on stdin, answered with `ok` or `error: ..`, change it while it runs:

    holding 100 17174 13107      values from address 100 on, of the first unit
    2:discrete 3 1               the same for unit 2
    mute | unmute                read requests and answer nothing | answer again; `mute 2` is for one unit
    exit                         (so does the end of stdin)
"""

import argparse
import asyncio
import json
import sys

from pymodbus import pymodbus_apply_logging_config
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

SIZE = 10_000
FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
BITS = ("coil", "discrete")


def unit(number):
    def bits():
        return [SimData(0, values=[False] * SIZE, datatype=DataType.BITS)]

    def registers():
        return [SimData(0, values=[0] * SIZE, datatype=DataType.REGISTERS)]

    return SimDevice(number, simdata=(bits(), bits(), registers(), registers()))


async def put(server, number, kind, address, values):
    if kind not in FUNCTIONS:
        raise ValueError(f"no such kind: {kind}, use one of {', '.join(FUNCTIONS)}")
    values = [bool(value) for value in values] if kind in BITS else values
    await server.async_setValues(number, FUNCTIONS[kind], address, values)


async def obey(server, first, muted, line):
    command, *rest = line.split()
    if command in ("mute", "unmute"):
        muted.clear()
        if command == "mute":
            muted.update(int(unit) for unit in rest or range(256))
        return
    number, _, kind = command.rpartition(":")
    address, *values = [int(word, 0) for word in rest]
    if not values:
        raise ValueError("give an address and at least one value")
    await put(server, int(number or first), kind, address, values)


async def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments.add_argument("units", nargs="?", default="{}", help="unit -> kind -> address -> values, as JSON")
    arguments = arguments.parse_args()

    pymodbus_apply_logging_config("CRITICAL")
    units = {int(number): kinds for number, kinds in json.loads(arguments.units).items()} or {1: {}}
    muted = set()

    def trace(sending, data):
        # The unit is the seventh byte of a frame.
        return b"" if sending and data[6] in muted else data

    server = ModbusTcpServer(
        [unit(number) for number in units],
        address=(arguments.host, arguments.port),
        trace_packet=trace,
    )
    for number, kinds in units.items():
        for kind, addresses in kinds.items():
            for address, values in addresses.items():
                await put(server, number, kind, int(address), values)
    await server.serve_forever(background=True)
    print(server.transport.sockets[0].getsockname()[1], flush=True)

    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode():
        if line.strip() == "exit":
            break
        if not line.strip():
            continue
        try:
            await obey(server, next(iter(units)), muted, line)
            print("ok", flush=True)
        except (ValueError, TypeError) as error:
            print(f"error: {error}", flush=True)
    await server.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
