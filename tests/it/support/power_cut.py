#!/usr/bin/env python3
"""Cuts the power of an ext4 file system: what was not synced is gone, and so is every later write.

    power_cut.py FOLDER

It asks the kernel to shut the file system down without flushing its journal (EXT4_IOC_SHUTDOWN, NOLOGFLUSH), which is what a power
cut leaves behind, apart from what a disk does with its own cache.
"""

import fcntl
import os
import struct
import sys

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2

folder = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
