/* listen.c - a listening socket made here, for errors that say what is in the way. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http.h"

#define BACKLOG 511

static nsky_status listen_at(int *out, const struct addrinfo *address, const char *host,
                             uint16_t port, nsky_error *err)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return nsky_fail_errno(err, "a socket for %s", host);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        bool in_use = errno == EADDRINUSE;
        nsky_status status =
            nsky_fail_errno(err, "listening on %s port %u%s", host, port,
                            in_use ? " (is another server running? give another --port)" : "");
        close(fd);
        return status;
    }
    *out = fd;
    return NSKY_OK;
}

nsky_status nsky_listen(int *out, uint16_t *bound, const char *host, uint16_t port, nsky_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found = NULL;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}}; /* the widest, so all of it */
    socklen_t bytes = sizeof address;
    char service[8];

    snprintf(service, sizeof service, "%u", port);
    int failed = getaddrinfo(host, service, &hints, &found);
    if (failed)
        return nsky_fail(err, NSKY_EINVAL, "host %s: %s", host, gai_strerror(failed));
    nsky_status status = listen_at(out, found, host, port, err);
    freeaddrinfo(found);
    if (status != NSKY_OK)
        return status;
    if (getsockname(*out, &address.any, &bytes) != 0) {
        status = nsky_fail_errno(err, "the port on %s", host);
        close(*out);
        return status;
    }
    *bound = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
    return NSKY_OK;
}
