#define _GNU_SOURCE
#include "CSocketSystem.h"
