/* A blocking client of ADDRESS, a port of 127.0.0.1 or the path of a Unix socket: sends COUNT MiB (or, with 0, 3000 single bytes), half-closes, and compares every
   byte that comes back. Exits 0 if all came back right. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fd;
static size_t total, step;

static unsigned char byte_at(size_t i) { return (unsigned char)((i * 2654435761u) >> 13); }

static void *sender(void *unused) {
    (void)unused;
    static unsigned char buffer[65536];
    for (size_t done = 0; done < total;) {
        size_t n = total - done < step ? total - done : step;
        for (size_t i = 0; i < n; i++) buffer[i] = byte_at(done + i);
        for (size_t sent = 0; sent < n;) {
            ssize_t k = send(fd, buffer + sent, n - sent, MSG_NOSIGNAL);
            if (k <= 0) { perror("send"); exit(1); }
            sent += (size_t)k;
        }
        done += n;
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static int connected(const char *text) {
    if (strchr(text, '/')) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strncpy(address.sun_path, text, sizeof address.sun_path - 1);
        int new = socket(AF_UNIX, SOCK_STREAM, 0);
        return connect(new, (struct sockaddr *)&address, sizeof address) ? -1 : new;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(text))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int new = socket(AF_INET, SOCK_STREAM, 0);
    return connect(new, (struct sockaddr *)&address, sizeof address) ? -1 : new;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    size_t mib = strtoul(argv[2], NULL, 10);
    total = mib ? mib << 20 : 3000;
    step = mib ? 65536 : 1;
    fd = connected(argv[1]);
    if (fd < 0) { perror("connect"); return 1; }
    pthread_t thread;
    pthread_create(&thread, NULL, sender, NULL);
    static unsigned char buffer[65536];
    size_t got = 0;
    ssize_t n;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            if (buffer[i] != byte_at(got + (size_t)i)) { fprintf(stderr, "wrong byte\n"); return 1; }
        got += (size_t)n;
    }
    pthread_join(thread, NULL);
    if (n < 0) perror("recv");
    if (got != total) fprintf(stderr, "%zu of %zu bytes\n", got, total);
    return got != total;
}
