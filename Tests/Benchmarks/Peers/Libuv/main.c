// libuv-peer streams|datagrams [ADDRESS]: echo with libuv, one loop.

#include "Support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/// A write under way and the buffer that it sends.
struct writing {
    uv_write_t request;
    uv_buf_t buffer;
};

/// The same for a datagram.
struct sending {
    uv_udp_send_t request;
    uv_buf_t buffer;
};

union stream {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

static uv_loop_t loop;
static struct address address;

static void check_uv(int status, const char *what) {
    if (status >= 0) return;
    fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
    exit(1);
}

/// One buffer for all: what a client sent is echoed before the next one is read.
static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    static char scratch[64 * 1024];
    (void)handle, (void)suggested;
    *buffer = uv_buf_init(scratch, sizeof scratch);
}

static char *copy(const char *bytes, size_t count) { return memcpy(malloc(count), bytes, count); }

static void release(uv_handle_t *handle) { free(handle); }

static void written(uv_write_t *request, int status) {
    struct writing *writing = (struct writing *)request;
    if (status < 0 && !uv_is_closing((uv_handle_t *)request->handle))
        uv_close((uv_handle_t *)request->handle, release);
    free(writing->buffer.base);
    free(writing);
}

/// Writes at once what the socket takes, and queues the rest.
static void echo(uv_stream_t *client, char *bytes, size_t count) {
    uv_buf_t whole = uv_buf_init(bytes, (unsigned)count);
    int taken = uv_try_write(client, &whole, 1);
    if (taken == (int)count) return;
    size_t sent = taken < 0 ? 0 : (size_t)taken;
    struct writing *writing = malloc(sizeof *writing);
    writing->buffer = uv_buf_init(copy(bytes + sent, count - sent), (unsigned)(count - sent));
    uv_write(&writing->request, client, &writing->buffer, 1, written);
}

static void received(uv_stream_t *client, ssize_t count, const uv_buf_t *buffer) {
    if (count > 0) echo(client, buffer->base, (size_t)count);
    else if (count < 0 && !uv_is_closing((uv_handle_t *)client))
        uv_close((uv_handle_t *)client, release);
}

static void accepted(uv_stream_t *listener, int status) {
    if (status < 0) return;
    union stream *client = malloc(sizeof *client);
    if (address_is_local(&address)) uv_pipe_init(&loop, &client->pipe, 0);
    else uv_tcp_init(&loop, &client->tcp);
    if (uv_accept(listener, &client->stream) != 0) {
        uv_close(&client->handle, release);
        return;
    }
    if (!address_is_local(&address)) uv_tcp_nodelay(&client->tcp, 1);
    uv_read_start(&client->stream, allocate, received);
}

static void serve_streams(void) {
    static union stream listener;
    if (address_is_local(&address)) {
        unlink(address.local.sun_path);
        uv_pipe_init(&loop, &listener.pipe, 0);
        check_uv(uv_pipe_bind(&listener.pipe, address.local.sun_path), "bind");
    } else {
        uv_tcp_init(&loop, &listener.tcp);
        check_uv(uv_tcp_bind(&listener.tcp, &address.any, 0), "bind");
    }
    check_uv(uv_listen(&listener.stream, SOMAXCONN, accepted), "listen");
    uv_os_fd_t descriptor;
    uv_fileno(&listener.handle, &descriptor);
    announce(descriptor);
}

static void sent(uv_udp_send_t *request, int status) {
    (void)status;
    free(((struct sending *)request)->buffer.base);
    free(request);
}

static void datagram(uv_udp_t *socket, ssize_t count, const uv_buf_t *buffer,
                     const struct sockaddr *source, unsigned flags) {
    (void)flags;
    if (count <= 0 || !source) return;
    uv_buf_t whole = uv_buf_init(buffer->base, (unsigned)count);
    if (uv_udp_try_send(socket, &whole, 1, source) >= 0) return;
    struct sending *sending = malloc(sizeof *sending);
    sending->buffer = uv_buf_init(copy(buffer->base, (size_t)count), (unsigned)count);
    uv_udp_send(&sending->request, socket, &sending->buffer, 1, source, sent);
}

static void serve_datagrams(void) {
    static uv_udp_t socket;
    uv_udp_init(&loop, &socket);
    check_uv(uv_udp_bind(&socket, &address.any, 0), "bind");
    int room = 4 << 20;
    uv_recv_buffer_size((uv_handle_t *)&socket, &room);
    uv_udp_recv_start(&socket, allocate, datagram);
    uv_os_fd_t descriptor;
    uv_fileno((uv_handle_t *)&socket, &descriptor);
    announce(descriptor);
}

int main(int count, char **arguments) {
    address = address_parse(count > 2 ? arguments[2] : "127.0.0.1:0");
    uv_loop_init(&loop);
    if (count > 1 && strcmp(arguments[1], "datagrams") == 0) serve_datagrams();
    else serve_streams();
    return uv_run(&loop, UV_RUN_DEFAULT);
}
