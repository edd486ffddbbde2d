/* A Modbus device made of libmodbus, an implementation that shares nothing with ours.
 *
 *   libmodbus_device tcp PORT | rtu PATH
 *
 * Unit 7, 200 addresses of each kind: holding i*3+1, input 60000-i, coil i%3==0, discrete i%5==0. The holding registers from 10 on hold 123.5 as a float
 * in each of the four orders, abcd badc cdab dcba. It prints "ready" and ends when its standard input does.
 */
#include <errno.h>
#include <modbus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static modbus_mapping_t *values(void) {
  modbus_mapping_t *map = modbus_mapping_new(200, 200, 200, 200);
  for (int i = 0; map && i < 200; i++) {
    map->tab_registers[i] = i * 3 + 1;
    map->tab_input_registers[i] = 60000 - i;
    map->tab_bits[i] = i % 3 == 0;
    map->tab_input_bits[i] = i % 5 == 0;
  }
  /* By hand: what libmodbus calls an order of bytes is that in its memory, not that on the wire. */
  const uint16_t floats[] = {0x42F7, 0, 0xF742, 0, 0, 0x42F7, 0, 0xF742};
  if (map) memcpy(map->tab_registers + 10, floats, sizeof floats);
  return map;
}

/* Waits for a request; what comes on standard input is its end. */
static void wait_for(int socket) {
  struct pollfd both[2] = {{.fd = socket, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  if (poll(both, 2, -1) < 0 || both[1].revents) exit(0);
}

int main(int count, char **words) {
  if (count != 3) return 2;
  int tcp = strcmp(words[1], "tcp") == 0;
  modbus_t *device = tcp ? modbus_new_tcp("127.0.0.1", atoi(words[2])) : modbus_new_rtu(words[2], 19200, 'N', 8, 1);
  modbus_mapping_t *map = values();
  if (!device || !map || modbus_set_slave(device, 7) < 0) return 1;
  int listening = -1;
  if (tcp) listening = modbus_tcp_listen(device, 8);
  else if (modbus_connect(device) < 0) listening = -2;
  if (tcp ? listening < 0 : listening == -2) {
    fprintf(stderr, "%s: %s\n", words[2], modbus_strerror(errno));
    return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    if (tcp) {
      wait_for(listening);
      if (modbus_tcp_accept(device, &listening) < 0) return 1;
    }
    for (;;) {
      unsigned char request[MODBUS_TCP_MAX_ADU_LENGTH];
      wait_for(modbus_get_socket(device));
      int length = modbus_receive(device, request);
      if (length > 0) modbus_reply(device, request, length, map);
      else if (length < 0 && tcp) break;
    }
    modbus_close(device);
  }
}
