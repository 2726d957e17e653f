/* verify.c - is the store sound? Everything is read; nothing is changed; a writer may be at work.
 * Thread rule: one thread. */
#include "store/verify.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/memory.h"
#include "store/current.h"
#include "store/layout.h"

void nsky_verify_say(nsky_verify *verify, const char *format, ...)
{
    char text[NSKY_ERROR_TEXT_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    verify->problems++;
    verify->problem(text, verify->payload);
}

nsky_status nsky_verify_note(nsky_verify *verify, nsky_status status, const nsky_error *err)
{
    if (status == NSKY_OK || status == NSKY_ENOMEM || status == NSKY_EBUSY)
        return status;
    nsky_verify_say(verify, "%s", err->text);
    return NSKY_OK;
}

static nsky_status verify_survey(nsky_verify *verify, nsky_error *err)
{
    nsky_survey *survey;
    nsky_status status = nsky_survey_open(&survey, verify->store, NSKY_SURVEY_READ, err);

    if (status != NSKY_OK)
        return nsky_verify_note(verify, status, err);
    verify->rows = nsky_survey_rows(survey);
    if ((status = nsky_verify_catalogue(verify, survey, err)) == NSKY_OK)
        status = nsky_verify_stamps(verify, survey, err);
    nsky_survey_close(survey);
    return status;
}

static bool holds(const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static nsky_status verify_current(nsky_verify *verify, const uint32_t *numbers, size_t count,
                                  nsky_error *err)
{
    uint32_t number;
    nsky_status status = nsky_current_read(&number, verify->store, err);

    if (status == NSKY_ENOTFOUND && count == 0)
        return NSKY_OK;
    if (status == NSKY_ENOTFOUND) {
        nsky_verify_say(verify, "%s/CURRENT: missing; write %04" PRIu32 " into it", verify->store,
                        numbers[count - 1]);
        return NSKY_OK;
    }
    if (status != NSKY_OK)
        return nsky_verify_note(verify, status, err);
    if (!holds(numbers, count, number))
        nsky_verify_say(verify,
                        "%s/CURRENT: names generation %04" PRIu32
                        ", which is not there; write the number of one that is into it",
                        verify->store, number);
    return NSKY_OK;
}

static nsky_status verify_generations(nsky_verify *verify, nsky_error *err)
{
    uint32_t *numbers;
    size_t count;
    nsky_status status = nsky_generation_numbers(&numbers, &count, verify->store, err);

    if (status != NSKY_OK)
        return nsky_verify_note(verify, status, err);
    status = verify_current(verify, numbers, count, err);
    for (size_t i = 0; i < count && status == NSKY_OK; i++)
        status = nsky_verify_generation(verify, numbers[i], err);
    nsky_free(numbers);
    return status;
}

nsky_status nsky_survey_verify(const char *path, void (*problem)(const char *text, void *payload),
                               void *payload, uint64_t *problems, nsky_error *err)
{
    assert(path && problem && problems && err);
    nsky_verify verify = {path, problem, payload, 0, UINT64_MAX};
    nsky_status status;

    *problems = 0;
    if (!nsky_layout_is_store(path))
        return nsky_layout_check(path, err); /* NSKY_ENOTFOUND */
    if ((status = verify_survey(&verify, err)) == NSKY_OK)
        status = verify_generations(&verify, err);
    *problems = verify.problems;
    return status;
}
