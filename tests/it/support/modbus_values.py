#!/usr/bin/env python3
"""Lays values into registers as two others do: Python's struct, and pymodbus's own conversion where it has one.

Each line of the input is a value as JSON, `{"type": "f32", "order": "cdab", "value": 97.3}`; each line of the output is its
registers, or `error: ..` where the two do not agree.
"""

import json
import struct
import sys

from pymodbus.client import ModbusTcpClient

FORMATS = {"i16": "h", "u16": "H", "i32": "i", "u32": "I", "i64": "q", "u64": "Q", "f16": "e", "f32": "f", "f64": "d"}
PYMODBUS = {"i16": "INT16", "u16": "UINT16", "i32": "INT32", "u32": "UINT32", "i64": "INT64", "u64": "UINT64", "f32": "FLOAT32", "f64": "FLOAT64", "string": "STRING"}
# The order of the registers, and of the bytes in each.
ORDERS = {"abcd": ("big", ">"), "badc": ("big", "<"), "cdab": ("little", ">"), "dcba": ("little", "<")}


def packed(kind, value):
    """The bytes, the most significant first."""
    if kind == "string":
        data = value.encode()
        return data + b"\0" * (len(data) % 2)
    if kind.startswith("bcd"):
        # The decimal digits, read as hexadecimal ones.
        return int(str(value), 16).to_bytes(int(kind[3:]) // 8, "big")
    return struct.pack(">" + FORMATS[kind], value)


def by_struct(kind, value, words):
    data = packed(kind, value)
    registers = list(struct.unpack(f">{len(data) // 2}H", data))
    return registers[::-1] if words == "little" else registers


def main():
    for line in sys.stdin:
        row = json.loads(line)
        kind, value = row["type"], row["value"]
        words, swapped = ORDERS[row["order"]]
        registers = by_struct(kind, value, words)
        if kind in PYMODBUS:
            theirs = ModbusTcpClient.convert_to_registers(value, ModbusTcpClient.DATATYPE[PYMODBUS[kind]], words)
            if theirs != registers:
                print(f"error: {row}: struct says {registers}, pymodbus {theirs}", flush=True)
                continue
        # Swapping the bytes of each register is what reading them with the other byte order is.
        registers = struct.unpack(f"{swapped}{len(registers)}H", struct.pack(f">{len(registers)}H", *registers))
        print(json.dumps(registers), flush=True)


if __name__ == "__main__":
    main()
