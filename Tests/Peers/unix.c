/* Messages over Unix sockets as textbooks exchange them, by blocking sendmsg(2) and recvmsg(2).

     unix ask TYPE PATH          has messages of many sizes echoed, passes a descriptor to and fro, and
                                 prints "ok"
     unix echo TYPE PATH COUNT   binds PATH and sends COUNT messages back, with what was passed along

   TYPE is datagram or seqpacket. A datagram client binds PATH.client. Whoever waits for fifty seconds
   exits 1. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static char buffer[1 << 17], answer[1 << 17];

static void check(int good, const char *what) {
    if (good) return;
    perror(what);
    exit(1);
}

static struct sockaddr_un name_of(const char *path, const char *more) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf(name.sun_path, sizeof name.sun_path, "%s%s", path, more);
    check(length < (int)sizeof name.sun_path, "the path is too long");
    return name;
}

static int make_socket(int type) {
    int fd = socket(AF_UNIX, type, 0);
    check(fd >= 0, "socket");
    struct timeval patience = {.tv_sec = 50};
    check(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
    return fd;
}

static void bind_to(int fd, struct sockaddr_un name) {
    check(!bind(fd, (struct sockaddr *)&name, sizeof name), name.sun_path);
}

/* Room for one descriptor. */
union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr alignment;
};

/* Sends bytes, and passes a descriptor unless it is -1. */
static void send_message(int fd, const struct msghdr *to, char *bytes, size_t size, int passed) {
    struct iovec vector = {bytes, size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    union control control = {0};
    if (to) message.msg_name = to->msg_name, message.msg_namelen = to->msg_namelen;
    if (passed >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &passed, sizeof passed);
    }
    check(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)size, "sendmsg");
}

/* Receives bytes, and the descriptor that came along, or -1. */
static ssize_t receive_message(int fd, struct msghdr *from, char *bytes, size_t size, int *passed) {
    struct iovec vector = {bytes, size};
    union control control;
    from->msg_iov = &vector;
    from->msg_iovlen = 1;
    from->msg_control = control.bytes;
    from->msg_controllen = sizeof control.bytes;
    ssize_t n = recvmsg(fd, from, 0);
    check(n >= 0, "recvmsg");
    check(!(from->msg_flags & (MSG_TRUNC | MSG_CTRUNC)), "the message was truncated");
    *passed = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(from);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(passed, CMSG_DATA(header), sizeof *passed);
    return n;
}

static void ask(int type, const char *path) {
    static const ssize_t sizes[] = {1, 0, 4096, 100000, 0, 9};
    int fd = make_socket(type), passed;
    struct sockaddr_un server = name_of(path, "");
    if (type == SOCK_DGRAM) bind_to(fd, name_of(path, ".client"));
    check(!connect(fd, (struct sockaddr *)&server, sizeof server), "connect");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (ssize_t k = 0; k < sizes[i]; k++) buffer[k] = (char)(k * 31 + (ssize_t)i);
        send_message(fd, NULL, buffer, sizes[i], -1);
        struct msghdr from = {0};
        ssize_t n = receive_message(fd, &from, answer, sizeof answer, &passed);
        if (n == sizes[i] && !memcmp(buffer, answer, n) && passed < 0) continue;
        fprintf(stderr, "%zd bytes came back as %zd\n", sizes[i], n);
        exit(1);
    }
    int ends[2];
    check(!pipe(ends), "pipe");
    send_message(fd, NULL, buffer, 1, ends[1]);
    close(ends[1]);
    struct msghdr from = {0};
    receive_message(fd, &from, answer, sizeof answer, &passed);
    check(passed >= 0, "no descriptor came back");
    check(write(passed, "through", 7) == 7, "write");
    close(passed);
    /* And then the end: no other process has the pipe any more. */
    check(read(ends[0], answer, 7) == 7 && !memcmp(answer, "through", 7), "read");
    check(read(ends[0], answer, 1) == 0, "the pipe is still open");
    puts("ok");
}

static void echo(int type, const char *path, int count) {
    int fd = make_socket(type);
    bind_to(fd, name_of(path, ""));
    if (type == SOCK_SEQPACKET) {
        check(!listen(fd, 1), "listen");
        int listener = fd;
        fd = accept(listener, NULL, NULL);
        check(fd >= 0, "accept");
        close(listener);
    }
    while (count-- > 0) {
        struct sockaddr_un source;
        struct msghdr from = {.msg_name = &source, .msg_namelen = sizeof source};
        int passed;
        ssize_t n = receive_message(fd, &from, buffer, sizeof buffer, &passed);
        send_message(fd, type == SOCK_DGRAM ? &from : NULL, buffer, n, passed);
        if (passed >= 0) close(passed);
    }
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int type = !strcmp(argv[2], "datagram") ? SOCK_DGRAM : SOCK_SEQPACKET;
    if (!strcmp(argv[1], "ask")) ask(type, argv[3]);
    else if (!strcmp(argv[1], "echo") && argc > 4) echo(type, argv[3], atoi(argv[4]));
    else return 2;
    return 0;
}
