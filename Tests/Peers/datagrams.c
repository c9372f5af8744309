/* Datagrams as textbooks send them, by blocking sendto(2) and recvfrom(2), all on the loopback
   interface. Does the same as datagrams.py.

     datagrams echo COUNT                  prints the port, sends COUNT datagrams back
     datagrams ask PORT                    has datagrams of many sizes echoed, and prints "ok"
     datagrams send ADDRESS PORT TEXT...   sends each text
     datagrams receive ADDRESS PORT COUNT  prints the port (0 means any), then COUNT datagrams, as
                                           "SOURCE: TEXT"

   ADDRESS may be a broadcast address or a group. Whoever waits for twenty seconds exits 1. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static char buffer[65536], answer[65536];

static void check(int good, const char *what) {
    if (good) return;
    perror(what);
    exit(1);
}

static struct sockaddr_in name_of(const char *address, int port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    check(inet_pton(AF_INET, address, &name.sin_addr) == 1, address);
    return name;
}

static int is_group(struct sockaddr_in name) { return IN_MULTICAST(ntohl(name.sin_addr.s_addr)); }

static int make_socket(void) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    check(fd >= 0, "socket");
    struct timeval patience = {.tv_sec = 50};
    check(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
    return fd;
}

static void bind_and_tell(int fd, struct sockaddr_in name) {
    socklen_t length = sizeof name;
    check(!bind(fd, (struct sockaddr *)&name, length), "bind");
    check(!getsockname(fd, (struct sockaddr *)&name, &length), "getsockname");
    printf("%d\n", ntohs(name.sin_port));
    fflush(stdout);
}

static void echo(int count) {
    int fd = make_socket();
    bind_and_tell(fd, name_of("127.0.0.1", 0));
    while (count-- > 0) {
        struct sockaddr_in source;
        socklen_t length = sizeof source;
        ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&source, &length);
        check(n >= 0, "recvfrom");
        check(sendto(fd, buffer, n, 0, (struct sockaddr *)&source, length) == n, "sendto");
    }
}

static void ask(int port) {
    static const ssize_t sizes[] = {1, 0, 1472, 65507, 0, 9};
    int fd = make_socket();
    struct sockaddr_in server = name_of("127.0.0.1", port);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (ssize_t k = 0; k < sizes[i]; k++) buffer[k] = (char)(k * 31 + (ssize_t)i);
        ssize_t n = sendto(fd, buffer, sizes[i], 0, (struct sockaddr *)&server, sizeof server);
        check(n == sizes[i], "sendto");
        struct sockaddr_in source;
        socklen_t length = sizeof source;
        n = recvfrom(fd, answer, sizeof answer, 0, (struct sockaddr *)&source, &length);
        check(n >= 0, "recvfrom");
        if (n != sizes[i] || memcmp(buffer, answer, n) || source.sin_port != server.sin_port) {
            fprintf(stderr, "%zd bytes came back as %zd\n", sizes[i], n);
            exit(1);
        }
    }
    puts("ok");
}

static void send_texts(struct sockaddr_in destination, char **texts) {
    int fd = make_socket(), yes = 1;
    check(!setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), "SO_BROADCAST");
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    check(!setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback), "IP_MULTICAST_IF");
    for (; *texts; texts++) {
        ssize_t length = strlen(*texts);
        ssize_t n = sendto(fd, *texts, length, 0, (struct sockaddr *)&destination, sizeof destination);
        check(n == length, "sendto");
    }
}

static void receive(struct sockaddr_in name, int count) {
    int fd = make_socket(), yes = 1;
    check(!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "SO_REUSEADDR");
    if (is_group(name)) {
        struct ip_mreq membership = {name.sin_addr, {htonl(INADDR_LOOPBACK)}};
        check(!setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership),
              "IP_ADD_MEMBERSHIP");
    }
    bind_and_tell(fd, name);
    while (count-- > 0) {
        struct sockaddr_in source;
        socklen_t length = sizeof source;
        ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&source, &length);
        check(n >= 0, "recvfrom");
        printf("%s:%d: %.*s\n", inet_ntoa(source.sin_addr), ntohs(source.sin_port), (int)n, buffer);
        fflush(stdout);
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 2 ? argv[1] : "";
    if (!strcmp(what, "echo")) echo(atoi(argv[2]));
    else if (!strcmp(what, "ask")) ask(atoi(argv[2]));
    else if (!strcmp(what, "send") && argc > 3) send_texts(name_of(argv[2], atoi(argv[3])), argv + 4);
    else if (!strcmp(what, "receive") && argc > 4)
        receive(name_of(argv[2], atoi(argv[3])), atoi(argv[4]));
    else return 2;
    return 0;
}
