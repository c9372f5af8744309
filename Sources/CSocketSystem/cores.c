#define _GNU_SOURCE
#include "cores.h"
#include "negated_errno.h"

#include <linux/filter.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

int csock_processors_available(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        if (count > 0) return count;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int csock_pin_thread(int n) {
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) return -errno;
    int left = n % CPU_COUNT(&allowed);
    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
        if (!CPU_ISSET(processor, &allowed) || left-- > 0) continue;
        CPU_ZERO(&one);
        CPU_SET(processor, &one);
        int error = pthread_setaffinity_np(pthread_self(), sizeof one, &one);
        return error ? -error : processor;
    }
    return -EINVAL;
}

int csock_steer_by_processor(int listener, unsigned count) {
    struct sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, SKF_AD_OFF + SKF_AD_CPU},
        {BPF_ALU | BPF_MOD | BPF_K, 0, 0, count},
        {BPF_RET | BPF_A, 0, 0, 0},
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return or_errno(setsockopt(
        listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program));
}
