/* test_cards.c - header cards: formats the standard allows, and what people write. */
#include "fits/cards.h"
#include "support.h"

/* One header of these cards and END. */
static nsky_cards header(const char *const *lines, size_t count)
{
    static char text[40 * 80];
    nsky_cards cards;

    memset(text, ' ', sizeof text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + 80 * i, lines[i], strlen(lines[i]));
    memcpy(text + 80 * count, "END", 3);
    assert_true(nsky_cards_read(&cards, text, 80 * (count + 1)));
    return cards;
}

static void test_integers(void **state)
{
    (void)state;
    const char *const lines[] = {
        "A       =                   12 / comment",
        "B       = -5",
        "C       =+7/x",
        "D       = 1.5",
        "E       = '3'",
        "F       =",
        "G       = 9223372036854775808",
        "H       = 12abc",
        "I         12",
        "J       = 9223372036854775807",
        "K       = -",
    };
    nsky_cards cards = header(lines, sizeof lines / sizeof *lines);
    int64_t value = 99;

    assert_int_equal(cards.count, 11);
    assert_true(nsky_cards_integer(&cards, "A", &value) && value == 12);
    assert_true(nsky_cards_integer(&cards, "B", &value) && value == -5);
    assert_false(nsky_cards_integer(&cards, "C", &value)); /* "= " is two characters */
    assert_true(nsky_cards_integer(&cards, "J", &value) && value == INT64_MAX);
    value = 99;
    for (const char *key = "DEFGHIKZ"; *key; key++)
        assert_false(nsky_cards_integer(&cards, (char[]){*key, '\0'}, &value));
    assert_int_equal(value, 99);
}

static void test_reals(void **state)
{
    (void)state;
    static const struct {
        const char *card;
        double value; /* NaN: not a number */
    } cases[] = {
        {"X       = 1.5", 1.5},   {"X       =   -2.5E-3 / c", -2.5e-3},
        {"X       = 1D5", 1e5},   {"X       = 7", 7},
        {"X       = .5/c", 0.5},  {"X       = 1e999", NAN},
        {"X       = nan", NAN},   {"X       = 0x10", NAN},
        {"X       = 'a'", NAN},   {"X       =", NAN},
        {"X       = 1.5.2", NAN}, {"X       = (1, 2)", NAN},
        {"X         1.5", NAN},   {"X       = 1E", NAN},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nsky_cards cards = header(&cases[i].card, 1);
        double value = -99;
        bool expected = !isnan(cases[i].value);
        if (nsky_card_double(nsky_cards_find(&cards, "X"), &value) != expected)
            fail_msg("%s", cases[i].card);
        assert_true(value == (expected ? cases[i].value : -99));
    }
    assert_false(nsky_card_double(NULL, &(double){0}));
}

static void test_strings(void **state)
{
    (void)state;
    const char *const lines[] = {
        "A       = 'plain   '           / comment",
        "B       = 'it''s '",
        "C       = ''",
        "D       = 'no end",
        "E       = 5",
        "F       = '  lead'",
    };
    nsky_cards cards = header(lines, sizeof lines / sizeof *lines);
    char text[72];

    assert_true(nsky_card_string(nsky_cards_find(&cards, "A"), text, sizeof text));
    assert_string_equal(text, "plain");
    assert_true(nsky_card_string(nsky_cards_find(&cards, "B"), text, sizeof text));
    assert_string_equal(text, "it's");
    assert_true(nsky_card_string(nsky_cards_find(&cards, "C"), text, sizeof text));
    assert_string_equal(text, "");
    assert_true(nsky_card_string(nsky_cards_find(&cards, "D"), text, sizeof text));
    assert_string_equal(text, "no end");
    assert_false(nsky_card_string(nsky_cards_find(&cards, "E"), text, sizeof text));
    assert_true(nsky_card_string(nsky_cards_find(&cards, "F"), text, sizeof text));
    assert_string_equal(text, "  lead");
    assert_true(nsky_card_string(nsky_cards_find(&cards, "A"), text, 3));
    assert_string_equal(text, "pl");
    assert_false(nsky_card_string(NULL, text, sizeof text));
}

static void test_logicals_and_names(void **state)
{
    (void)state;
    const char *const lines[] = {"LONGNAME=                    T", "LONG    = F", "TILE12  = 3"};
    nsky_cards cards = header(lines, sizeof lines / sizeof *lines);
    int64_t value;

    assert_true(nsky_card_true(nsky_cards_find(&cards, "LONGNAME")));
    assert_false(nsky_card_true(nsky_cards_find(&cards, "LONG"))); /* no prefix match */
    assert_false(nsky_card_true(NULL));
    assert_null(nsky_cards_find(&cards, "LON"));
    assert_true(nsky_cards_indexed(&cards, "TILE", 12, &value) && value == 3);
    assert_null(nsky_cards_at(&cards, 3));
}

static void test_end(void **state)
{
    (void)state;
    nsky_cards cards;
    char text[160];

    memset(text, ' ', sizeof text);
    assert_false(nsky_cards_read(&cards, text, sizeof text));
    memcpy(text + 80, "ENDING", 6);
    assert_false(nsky_cards_read(&cards, text, sizeof text));
    memcpy(text + 80, "END   ", 6);
    assert_true(nsky_cards_read(&cards, text, sizeof text) && cards.count == 1);
    assert_false(nsky_cards_read(&cards, text, sizeof text - 1)); /* no whole card */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_reals),
        cmocka_unit_test(test_strings),  cmocka_unit_test(test_logicals_and_names),
        cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
