#!/usr/bin/env python3
"""A Modbus RTU device on a serial port, made of pymodbus.

    modbus_line.py PORT UNIT ADDRESS VALUE..

Unit UNIT answers on PORT at 19200 baud, 8N1; each of its 1000 registers is 0, those from ADDRESS on are the VALUEs. It prints `ready` when it listens, and ends
with its standard input.
"""

import asyncio
import sys

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice


async def main():
    port, unit, address, *given = sys.argv[1], *map(int, sys.argv[2:])
    values = [0] * 1000
    values[address : address + len(given)] = given
    device = SimDevice(unit, simdata=[SimData(0, values=values, datatype=DataType.REGISTERS)])
    server = ModbusSerialServer(device, framer=FramerType.RTU, port=port, baudrate=19200, parity="N", stopbits=1)
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.shutdown()


asyncio.run(main())
