/* nccl_meet.c - ranks meet in a folder, without a port or a server.
 *
 * Each rank writes hello-R: a number drawn for this run. Rank 0 writes `offer`: a number of its
 * own, the message, and the hellos it has read. A rank that finds its number there answers in
 * ready-R with the offer's number; when all have, rank 0 writes that into `go`. A hello that
 * changes (the one before was an earlier run's) makes a new offer; whoever waits looks at the
 * newest. Every file is whole or absent, so readers need no lock. Thread rule: any thread. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/memory.h"
#include "encoder/cuda/nccl.h"

#define POLL_MS 20
#define NUMBER_BYTES 16u

typedef struct number {
    uint8_t bytes[NUMBER_BYTES];
} number;

/* What a file of ours holds; read as a whole or not at all. */
typedef struct offer {
    number mine;
    uint8_t message[NSKY_MEET_BYTES];
    uint32_t count;
    number hellos[NSKY_RANKS_MAX];
} offer;

typedef struct meeting {
    const nsky_ranks_options *how;
    double began_s;
    number mine; /* a rank's hello */
    offer given; /* rank 0: the last that was written; others: the last that was read */
    bool offered, answered;
} meeting;

static nsky_status draw(number *out, nsky_error *err)
{
    if (getrandom(out->bytes, sizeof out->bytes, 0) != (ssize_t)sizeof out->bytes)
        return nsky_fail_errno(err, "random numbers");
    return NSKY_OK;
}

static nsky_status write_file(const meeting *m, const char *name, uint32_t rank, const void *data,
                              size_t bytes, nsky_error *err)
{
    char *path = rank == UINT32_MAX ? nsky_format(err, "%s/%s", m->how->folder, name)
                                    : nsky_format(err, "%s/%s-%u", m->how->folder, name, rank);
    nsky_status status = path ? nsky_file_write(path, data, bytes, err) : err->status;

    nsky_free(path);
    return status;
}

/* *there false: absent, or not of our making. */
static nsky_status read_file(const meeting *m, const char *name, uint32_t rank, void *out,
                             size_t bytes, bool *there, nsky_error *err)
{
    char *path = rank == UINT32_MAX ? nsky_format(err, "%s/%s", m->how->folder, name)
                                    : nsky_format(err, "%s/%s-%u", m->how->folder, name, rank);
    nsky_error unread = NSKY_ERROR_INIT;
    void *data = NULL;
    size_t size = 0;

    *there = false;
    if (!path)
        return err->status;
    nsky_status status = nsky_file_read(&data, &size, path, sizeof(offer), &unread);
    if (status == NSKY_OK && size == bytes) {
        memcpy(out, data, bytes);
        *there = true;
    }
    nsky_free(data);
    nsky_free(path);
    if (status == NSKY_ENOMEM)
        *err = unread;
    return status == NSKY_ENOMEM ? status : NSKY_OK;
}

static bool same(const number *a, const number *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* Rank 0: offers whenever the hellos are others; *done when all answered. missing: who is not
 * there.
 */
static nsky_status lead(meeting *m, bool *done, uint32_t *missing, nsky_error *err)
{
    bool there, changed = !m->offered;
    nsky_status status = NSKY_OK;

    for (uint32_t rank = 1; rank < m->how->count; rank++) {
        number hello;
        if ((status = read_file(m, "hello", rank, &hello, sizeof hello, &there, err)) != NSKY_OK)
            return status;
        *missing = rank;
        if (!there)
            return NSKY_OK;
        changed = changed || !same(&hello, &m->given.hellos[rank]);
        m->given.hellos[rank] = hello;
    }
    if (changed &&
        ((status = draw(&m->given.mine, err)) != NSKY_OK ||
         (status = write_file(m, "offer", UINT32_MAX, &m->given, sizeof m->given, err)) != NSKY_OK))
        return status;
    m->offered = true;
    for (uint32_t rank = 1; rank < m->how->count; rank++) {
        number answer;
        if ((status = read_file(m, "ready", rank, &answer, sizeof answer, &there, err)) != NSKY_OK)
            return status;
        *missing = rank;
        if (!there || !same(&answer, &m->given.mine))
            return NSKY_OK;
    }
    *done = true;
    return write_file(m, "go", UINT32_MAX, &m->given.mine, sizeof m->given.mine, err);
}

/* Another rank: answers every offer that knows it; *done when rank 0 says go to the last. */
static nsky_status follow(meeting *m, bool *done, nsky_error *err)
{
    uint32_t rank = m->how->rank;
    offer *now = nsky_alloc(1, sizeof *now, err);
    number go;
    bool there;
    nsky_status status;

    if (!now)
        return err->status;
    status = read_file(m, "offer", UINT32_MAX, now, sizeof *now, &there, err);
    if (status == NSKY_OK && there && now->count == m->how->count &&
        same(&now->hellos[rank], &m->mine) && !(m->answered && same(&now->mine, &m->given.mine))) {
        m->given = *now;
        m->answered = true;
        status = write_file(m, "ready", rank, &now->mine, sizeof now->mine, err);
    }
    nsky_free(now);
    if (status != NSKY_OK || !m->answered)
        return status;
    status = read_file(m, "go", UINT32_MAX, &go, sizeof go, &there, err);
    *done = there && same(&go, &m->given.mine);
    return status;
}

static nsky_status wait_a_little(const meeting *m, uint32_t missing, nsky_error *err)
{
    const nsky_ranks_options *how = m->how;
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};

    if (how->stop && atomic_load(how->stop))
        return nsky_fail(err, NSKY_ECANCELLED, "stopped while waiting for the other ranks");
    if (nsky_now_s() - m->began_s > how->timeout_s)
        return nsky_fail(err, NSKY_EBUSY,
                         "rank %u/%u did not come to %s within %.0f s; start all ranks with the "
                         "same words, or all with fewer ranks",
                         missing + 1, how->count, how->folder, how->timeout_s);
    nanosleep(&pause, NULL);
    return NSKY_OK;
}

static nsky_status meet(meeting *m, nsky_error *err)
{
    uint32_t missing = 0;
    bool done = false;
    nsky_status status = nsky_make_directories(m->how->folder, err);

    if (status == NSKY_OK && m->how->rank > 0 && (status = draw(&m->mine, err)) == NSKY_OK)
        status = write_file(m, "hello", m->how->rank, &m->mine, sizeof m->mine, err);
    while (status == NSKY_OK && !done) {
        status = m->how->rank == 0 ? lead(m, &done, &missing, err) : follow(m, &done, err);
        if (status == NSKY_OK && !done)
            status = wait_a_little(m, missing, err);
    }
    return status;
}

nsky_status nsky_ranks_valid(const nsky_ranks_options *how, nsky_error *err)
{
    assert(how && err);
    if (how->count == 0 || how->count > NSKY_RANKS_MAX || how->rank >= how->count)
        return nsky_fail(err, NSKY_EINVAL, "rank %u/%u: ranks are 1/N to N/N, N at most %u",
                         how->rank + 1, how->count, NSKY_RANKS_MAX);
    return NSKY_OK;
}

nsky_status nsky_ranks_meet(const nsky_ranks_options *how, uint8_t message[NSKY_MEET_BYTES],
                            nsky_error *err)
{
    assert(how && how->folder && message && err);
    if (nsky_ranks_valid(how, err) != NSKY_OK)
        return err->status;
    meeting *m = nsky_alloc_zero(1, sizeof *m, err);
    if (!m)
        return err->status;
    m->how = how;
    m->began_s = nsky_now_s();
    m->given.count = how->count;
    if (how->rank == 0)
        memcpy(m->given.message, message, NSKY_MEET_BYTES);
    nsky_status status = meet(m, err);
    if (status == NSKY_OK)
        memcpy(message, m->given.message, NSKY_MEET_BYTES);
    nsky_free(m);
    return status;
}
