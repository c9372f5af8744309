// What the values of the library need from C: calls that Swift cannot make itself.

#ifndef CSOCKETSYSTEM_VALUES_H
#define CSOCKETSYSTEM_VALUES_H

// The MTU in bytes of the interface with this name, netdevice(7), or a negated errno.
int cs_interface_mtu(const char *name);

#endif
