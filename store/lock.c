/* lock.c - see lock.h. Thread rule: a lock belongs to one thread. */
#include "store/lock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/memory.h"

/* The pid written by the holder; 0 when it is not (yet) there. */
static long holder_of(int fd)
{
    char text[32] = "";
    ssize_t got = pread(fd, text, sizeof text - 1, 0);

    return got > 0 ? strtol(text, NULL, 10) : 0;
}

static nsky_status describe_refusal(int fd, const char *store, nsky_error *err)
{
    if (errno != EWOULDBLOCK)
        return nsky_fail_errno(err, "%s/lock: cannot lock", store);
    long pid = holder_of(fd);
    if (pid > 0)
        return nsky_fail(err, NSKY_EBUSY,
                         "%s: process %ld is writing to this store; wait for it to end", store,
                         pid);
    return nsky_fail(err, NSKY_EBUSY,
                     "%s: another process is writing to this store; wait for it to end", store);
}

nsky_status nsky_lock_take(nsky_lock *out, const char *store, nsky_error *err)
{
    assert(out && store && err);
    nsky_status status = NSKY_OK;
    char text[32];

    out->fd_plus_1 = 0;
    char *path = nsky_format(err, "%s/lock", store);
    if (!path)
        return err->status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        status = nsky_fail_errno(err, "%s: cannot open the lock that writers hold", path);
    nsky_free(path);
    if (fd < 0)
        return status;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = describe_refusal(fd, store, err);
        close(fd);
        return status;
    }
    /* Only for people to read: the lock holds without it. */
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length) {
        status = nsky_fail_errno(err, "%s/lock: cannot write", store);
        close(fd);
        return status;
    }
    out->fd_plus_1 = fd + 1;
    return NSKY_OK;
}

void nsky_lock_release(nsky_lock *lock)
{
    assert(lock);
    if (lock->fd_plus_1 == 0)
        return;
    if (ftruncate(lock->fd_plus_1 - 1, 0) != 0) { /* a stale pid is never believed: see flock */
    }
    close(lock->fd_plus_1 - 1);
    lock->fd_plus_1 = 0;
}
