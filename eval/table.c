/* table.c - the scoreboard for people: a row for each number, a column for each model. */
#include <math.h>
#include <string.h>

#include "eval/scoreboard.h"

#define KEY_WIDTH 34
#define CELL_WIDTH 13
#define CELLS 5 /* 34 + 5 * 13 = 99 columns */

/* Rows that everybody wants to see, in this order; a key that ends in '*' stands for all that begin
 * so. */
static const char *const chosen[] = {
    "retrieval.p_at_10.macro",
    "retrieval.p_at_10.macro_plain",
    "retrieval.ndcg_at_10.macro",
    "retrieval.p_at_10.class.*",
    "retrieval.lens.*",
    "lens.*",
    "completeness.*",
    "redshift.*",
    "morphology.*",
    "invariance.*",
};

/* Only the headlines of these. */
static const char *const left_out[] = {".f1.", ".tpr_at_1e-4", "outliers_0.15"};

static bool matches(const char *key, const char *pattern)
{
    size_t length = strlen(pattern);

    if (length > 0 && pattern[length - 1] == '*')
        return strncmp(key, pattern, length - 1) == 0;
    return strcmp(key, pattern) == 0;
}

static bool is_chosen(const char *key)
{
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (strstr(key, left_out[i]))
            return false;
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
        if (matches(key, chosen[i]))
            return true;
    return false;
}

/* Keys are for programs; people get shorter words. */
static const struct {
    const char *prefix, *words;
} spoken[] = {
    {"retrieval.p_at_10.class.", "P@10 "},
    {"retrieval.ndcg_at_10.class.", "nDCG@10 "},
    {"retrieval.p_at_10.macro_plain", "P@10, mean, but look-alikes"},
    {"retrieval.ndcg_at_10.macro_plain", "nDCG@10, mean, but look-alikes"},
    {"retrieval.p_at_10.macro", "P@10, mean of classes"},
    {"retrieval.ndcg_at_10.macro", "nDCG@10, mean of classes"},
    {"retrieval.lens.p_at_100", "lenses among 100 from a lens"},
    {"retrieval.lens.p_at_10", "lenses among 10 from a lens"},
    {"retrieval.lens.prevalence", "lenses among all"},
};

static void print_name(const char *key, FILE *stream)
{
    char name[NSKY_SCORE_KEY_BYTES + 64];

    snprintf(name, sizeof name, "%s", key);
    for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++) {
        size_t length = strlen(spoken[i].prefix);
        if (strncmp(key, spoken[i].prefix, length) != 0)
            continue;
        snprintf(name, sizeof name, "%s%s", spoken[i].words, key + length);
        break;
    }
    fprintf(stream, "%-*.*s", KEY_WIDTH, KEY_WIDTH - 1, name);
}

/* How good a number is, more being better; NaN: neither. */
static double merit(const char *key, double value)
{
    if (strstr(key, "prevalence") || strstr(key, "cosine"))
        return NAN;
    if (strstr(key, ".bias"))
        return -fabs(value);
    return strstr(key, "sigma_mad") || strstr(key, "outliers") ? -value : value;
}

/* The best of all columns, not only of those printed side by side. */
static double best_merit(const nsky_board *board, const char *key)
{
    double best = NAN;

    for (uint32_t c = 0; c < board->count; c++) {
        const nsky_score *score = nsky_scores_find(&board->columns[c].scores, key);
        if (score)
            best = fmax(best, merit(key, score->number.value)); /* passes over NaN */
    }
    return best;
}

static void print_row(const nsky_board *board, const char *key, uint32_t first, uint32_t count,
                      FILE *stream)
{
    const double best = board->count > 1 ? best_merit(board, key) : NAN;

    print_name(key, stream);
    for (uint32_t c = first; c < first + count; c++) {
        const nsky_score *score = nsky_scores_find(&board->columns[c].scores, key);
        if (!score || isnan(score->number.value)) {
            fprintf(stream, "%*s", CELL_WIDTH, "- ");
            continue;
        }
        const nsky_interval *number = &score->number;
        const char *mark = merit(key, number->value) == best ? "*" : " ";
        fprintf(stream, "%*.3f±%.3f%s", CELL_WIDTH - 7, number->value,
                (number->high - number->low) / 2, mark);
    }
    fputc('\n', stream);
}

static void print_block(const nsky_board *board, bool everything, uint32_t first, uint32_t count,
                        FILE *stream)
{
    fprintf(stream, "%-*s", KEY_WIDTH, "");
    for (uint32_t c = first; c < first + count; c++)
        fprintf(stream, " %*.*s ", CELL_WIDTH - 2, CELL_WIDTH - 2, board->columns[c].name);
    fputc('\n', stream);
    const nsky_scores *scores = &board->columns[0].scores;
    for (uint32_t i = 0; i < scores->count; i++)
        if (everything || is_chosen(scores->list[i].key))
            print_row(board, scores->list[i].key, first, count, stream);
}

bool nsky_board_print(const nsky_board *board, const nsky_task *task, bool everything, FILE *stream)
{
    for (uint32_t first = 0; first < board->count; first += CELLS) {
        uint32_t count = board->count - first < CELLS ? board->count - first : CELLS;
        if (first > 0)
            fputc('\n', stream);
        print_block(board, everything, first, count, stream);
    }
    fprintf(stream, "\n%u objects, %u draws of labels, seed %llu; ± half of the 95%% interval%s\n",
            task->truth->n, task->draws, (unsigned long long)task->seed,
            board->count > 1 ? "; * best" : "");
    for (uint32_t c = 0; c < board->count; c++)
        fprintf(stream, "%s: %s, %u numbers\n", board->columns[c].name, board->columns[c].about,
                board->columns[c].dim);
    for (int which = 0; which < NSKY_TASKS; which++)
        if (board->skipped[which][0])
            fprintf(stream, "%s: skipped: %s\n", nsky_task_names[which], board->skipped[which]);
    return fflush(stream) == 0 && !ferror(stream);
}
