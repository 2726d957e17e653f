/* test_augment_draw.c - what is drawn: distributions, keys, words; and hostile stamps. */
#include "encoder/train/augment_private.h"
#include "tests/encoder/train_support.h"

#define SIZE 32u
#define IMAGE ((size_t)3 * SIZE * SIZE)
#define DRAWS 20000u

static nsky_preprocess how;

static const nsky_augment_own known = {0.05f, {0.003f, 0.005f, 0.012f}};

static nsky_augment_numbers draw(const nsky_augment *a, uint64_t sample)
{
    nsky_augment_numbers n;

    nsky_augment_draw(a, &known, false, 17, 3, sample, 1, &n);
    return n;
}

/* --- reddening --- */

/* A / E(B-V) of the Legacy Survey: 3.214, 2.165, 1.211 in g, r, z; 1.592 in i. */
static void reddening_changes_colours_exactly(void **state)
{
    static const double extinction[4] = {3.214, 2.165, 1.211, 1.592};
    nsky_augment a = nsky_augment_none;

    (void)state;
    a.reddening = (nsky_draw){.kind = NSKY_DRAW_UNIFORM, .low = 0.15f, .high = 0.15f};
    a.reddening_catalogue = true;
    for (int red_is_i = 0; red_is_i < 2; red_is_i++) {
        nsky_augment_numbers n;
        nsky_augment_draw(&a, &known, red_is_i, 1, 2, 3, 4, &n);
        for (int band = 0; band < 3; band++) {
            double a_e = extinction[band == 2 && red_is_i ? 3 : band];
            double magnitudes = a_e * ((double)0.15f - (double)0.05f);
            assert_true(fabs(-2.5 * log10(n.gain[band]) - magnitudes) < 1e-9);
        }
    }
    /* And so they come out: the same image, band by band. */
    nsky_augment_numbers plain = draw(&nsky_augment_none, 1), red = draw(&a, 1);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_augment_scratch *scratch;
    nsky_stamp *stamp = new_stamp(40, 40, 0.262);
    float before[IMAGE], after[IMAGE];
    static const double flux[3] = {2, 3, 4};
    draw_star(stamp, flux, 3, 1, 2);
    assert_ok(nsky_augment_scratch_new(&scratch, &a, &how, &err), err);
    assert_ok(nsky_augment_take(scratch, stamp, &err), err);
    nsky_augment_flux(scratch, &plain, before);
    nsky_augment_flux(scratch, &red, after);
    for (size_t i = 0; i < IMAGE; i++)
        assert_true(fabs(after[i] - before[i] * red.gain[i / (SIZE * SIZE)]) <=
                    2e-7 * fabs((double)after[i]));
    nsky_stamp_free(stamp);
    nsky_augment_scratch_free(scratch);
}

static void the_catalogue_is_asked_where_told(void **state)
{
    nsky_augment a = nsky_augment_none;
    nsky_augment_own unknown = known;
    nsky_augment_numbers n;

    (void)state;
    a.reddening = (nsky_draw){.kind = NSKY_DRAW_UNIFORM};
    a.reddening_own = (nsky_draw){.kind = NSKY_DRAW_UNIFORM, .low = 0.3f, .high = 0.3f};
    for (int asked = 0; asked < 2; asked++)
        for (int silent = 0; silent < 2; silent++) {
            a.reddening_catalogue = asked;
            unknown.ebv = silent ? NAN : 0.05f;
            nsky_augment_draw(&a, &unknown, false, 1, 2, 3, 4, &n);
            double own = asked && !silent ? 0.05f : 0.3f;
            assert_true(fabs(2.5 * log10(n.gain[0]) - 3.214 * own) < 1e-9);
        }
    a.reddening = (nsky_draw){.kind = NSKY_DRAW_OFF};
    nsky_augment_draw(&a, &unknown, false, 1, 2, 3, 4, &n);
    assert_true(n.gain[0] == 1 && n.gain[1] == 1 && n.gain[2] == 1);
}

/* --- distributions --- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov: D sqrt(n) stays below 1.95 in 999 of 1000 draws (the seed is fixed). */
static void expect_distribution(const char *what, double *values,
                                double (*cdf)(double, const void *), const void *context)
{
    double worst = 0;

    qsort(values, DRAWS, sizeof *values, by_size);
    for (uint32_t i = 0; i < DRAWS; i++) {
        double p = cdf(values[i], context);
        worst = fmax(worst, fmax(p - (double)i / DRAWS, (i + 1.0) / DRAWS - p));
    }
    if (worst * sqrt(DRAWS) > 1.95)
        fail_msg("%s is distributed otherwise: %.3f", what, worst * sqrt(DRAWS));
}

static double uniform_cdf(double x, const void *context)
{
    const double *range = context;

    return fmin(fmax((x - range[0]) / (range[1] - range[0]), 0), 1);
}

/* shift, scale, sigma */
static double lognormal_cdf(double x, const void *context)
{
    const double *l = context;

    return x <= l[0] ? 0 : 0.5 * erfc(-log((x - l[0]) / l[1]) / l[2] / M_SQRT2);
}

static double e_new(const nsky_augment_numbers *n)
{
    return -2.5 * log10(n->gain[0]) / 3.214 + (double)0.05f;
}

static double e_old(const nsky_augment_numbers *n)
{
    return 2.5 * log10(n->gain[0]) / 3.214;
}
static double angle(const nsky_augment_numbers *n)
{
    return n->angle_deg;
}
static double zoom(const nsky_augment_numbers *n)
{
    return n->zoom;
}
static double jitter_x(const nsky_augment_numbers *n)
{
    return n->jitter_px[0];
}
static double jitter_y(const nsky_augment_numbers *n)
{
    return n->jitter_px[1];
}
static double blur_g(const nsky_augment_numbers *n)
{
    return n->blur[0];
}
static double blur_z(const nsky_augment_numbers *n)
{
    return n->blur[2];
}
static double blur_own_r(const nsky_augment_numbers *n)
{
    return n->blur_own[1];
}
static double noise_z(const nsky_augment_numbers *n)
{
    return n->noise[2];
}
static double noise_own_g(const nsky_augment_numbers *n)
{
    return n->noise_own[0];
}

/* The published ones, from papers: U(0, 1), U(0, 360), U(0.9, 1.1), +-7, LN(c, s) + l. */
static void draws_follow_the_published_distributions(void **state)
{
    static const struct {
        const char *what;
        double (*value)(const nsky_augment_numbers *);
        double (*cdf)(double, const void *);
        double parameters[3];
    } cases[] = {
        {"reddening", e_new, uniform_cdf, {0, 1}},
        {"rotation", angle, uniform_cdf, {0, 360}},
        {"size", zoom, uniform_cdf, {0.9, 1.1}},
        {"jitter x", jitter_x, uniform_cdf, {-7, 7}},
        {"jitter y", jitter_y, uniform_cdf, {-7, 7}},
        {"seeing g", blur_g, uniform_cdf, {1.32, 5}},
        {"seeing z", blur_z, uniform_cdf, {1.21, 4.25}},
        {"own seeing r", blur_own_r, lognormal_cdf, {1.2394, .9165, .3008}},
        {"noise z", noise_z, uniform_cdf, {.001094, .061}},
        {"own noise g", noise_own_g, lognormal_cdf, {-.00067, .00376, .2265}},
    };
    double *values = malloc(DRAWS * sizeof *values);
    nsky_augment stein = nsky_augment_stein;

    (void)state;
    stein.reddening_catalogue = true; /* so that e_new can be told from the gains */
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (uint32_t i = 0; i < DRAWS; i++) {
            nsky_augment_numbers n = draw(&stein, i);
            values[i] = cases[c].value(&n);
        }
        expect_distribution(cases[c].what, values, cases[c].cdf, cases[c].parameters);
    }
    stein = nsky_augment_stein;
    stein.reddening = (nsky_draw){.kind = NSKY_DRAW_UNIFORM};
    const double ebv[3] = {.001146, .03338, .67306};
    for (uint32_t i = 0; i < DRAWS; i++) {
        nsky_augment_numbers n = draw(&stein, i);
        values[i] = e_old(&n);
    }
    expect_distribution("own reddening", values, lognormal_cdf, ebv);
    free(values);
}

static void flips_are_fair_and_independent(void **state)
{
    uint32_t count[4] = {0};

    (void)state;
    for (uint32_t i = 0; i < DRAWS; i++) {
        nsky_augment_numbers n = draw(&nsky_augment_default, i);
        count[n.flip[0] + 2 * n.flip[1]]++;
    }
    for (int i = 0; i < 4; i++)
        assert_true(fabs(count[i] - DRAWS / 4.0) < 4 * sqrt(DRAWS * 3 / 16.0));
}

static void own_values_are_taken_where_asked(void **state)
{
    nsky_augment a = nsky_augment_none;
    nsky_augment_own blank = known;
    double most = 0, least = 9;

    (void)state;
    a.noise[1] = (nsky_draw){.kind = NSKY_DRAW_TIMES, .low = 1, .high = 3};
    a.reddening = (nsky_draw){.kind = NSKY_DRAW_AROUND, .low = -0.1f, .high = 0.1f};
    a.reddening_catalogue = true;
    for (uint32_t i = 0; i < 1000; i++) {
        nsky_augment_numbers n = draw(&a, i);
        assert_true(n.noise_own[1] == known.noise[1] && n.noise[0] == 0);
        assert_true(n.noise[1] >= known.noise[1] && n.noise[1] < 3.0001 * known.noise[1]);
        most = fmax(most, e_new(&n));
        least = fmin(least, e_new(&n));
    }
    assert_true(most > 0.149 && most <= 0.1501 && least > -1e-9 && least < 1e-3);
    blank.noise[1] = 0; /* a band that is missing gets none, whatever is published */
    nsky_augment_numbers n;
    nsky_augment_draw(&nsky_augment_stein, &blank, false, 1, 1, 1, 1, &n);
    assert_true(n.noise[0] > 0 && n.noise[1] == 0);
}

/* --- keys --- */

static void every_key_counts_and_nothing_else(void **state)
{
    nsky_augment_numbers a, b;
    const nsky_augment *d = &nsky_augment_default;

    (void)state;
    nsky_augment_draw(d, &known, false, 1, 2, 3, 4, &a);
    nsky_augment_draw(d, &known, false, 1, 2, 3, 4, &b);
    assert_true(a.angle_deg == b.angle_deg && a.zoom == b.zoom && a.noise[2] == b.noise[2]);
    static const uint64_t other[][4] = {{2, 2, 3, 4},
                                        {1, 3, 3, 4},
                                        {1, 2, 4, 4},
                                        {1, 2, 3, 5},
                                        {(uint64_t)1 << 40, 2, 3, 4},
                                        {1, 2, ((uint64_t)1 << 33) + 3, 4}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        nsky_augment_draw(d, &known, false, other[i][0], (uint32_t)other[i][1], other[i][2],
                          (uint32_t)other[i][3], &b);
        assert_true(a.angle_deg != b.angle_deg && a.zoom != b.zoom);
    }
}

/* So that an ablation compares like with like. */
static void switching_one_off_leaves_the_others(void **state)
{
    static const char *const words[] = {"reddening=off", "flips=off", "rotation=off",
                                        "zoom=off",      "blur=off",  "jitter=off"};
    nsky_augment_numbers all = draw(&nsky_augment_default, 5);
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        nsky_augment a = nsky_augment_default;
        assert_ok(nsky_augment_set(&a, words[i], &err), err);
        nsky_augment_numbers n = draw(&a, 5);
        assert_true((n.gain[0] == all.gain[0]) == (i != 0));
        assert_true((n.angle_deg == all.angle_deg) == (i != 2));
        assert_true((n.zoom == all.zoom) == (i != 3));
        assert_true((n.blur[1] == all.blur[1]) == (i != 4));
        assert_true((n.jitter_px[1] == all.jitter_px[1]) == (i != 5));
        assert_true(n.noise[1] == all.noise[1]);
        assert_memory_equal(n.rng.counter, all.rng.counter, sizeof n.rng.counter);
    }
}

/* --- words and JSON --- */

static void json_comes_back(void **state)
{
    const nsky_augment *const all[] = {&nsky_augment_default, &nsky_augment_stein,
                                       &nsky_augment_none};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        nsky_json *object = nsky_augment_describe(all[i]);
        nsky_error err = NSKY_ERROR_INIT;
        nsky_augment back;
        assert_ok(nsky_augment_parse(&back, object, "log", &err), err);
        nsky_json *again = nsky_augment_describe(&back);
        char *a = nsky_json_print(object, false, &err), *b = nsky_json_print(again, false, &err);
        assert_string_equal(a, b);
        for (uint32_t sample = 0; sample < 20; sample++) {
            nsky_augment_numbers n = draw(all[i], sample), m = draw(&back, sample);
            assert_true(n.gain[2] == m.gain[2] && n.zoom == m.zoom && n.blur[1] == m.blur[1] &&
                        n.noise[0] == m.noise[0] && n.fill == m.fill && n.flip[0] == m.flip[0]);
        }
        nsky_free(a);
        nsky_free(b);
        nsky_json_free(object);
        nsky_json_free(again);
    }
}

static void json_is_checked(void **state)
{
    static const char *const keys[] = {
        "reddening", "reddening_own", "reddening_catalogue", "flips", "rotation",
        "zoom_low",  "zoom_high",     "zoom_keeps",          "blur",  "blur_own",
        "jitter_px", "noise",         "noise_own",           "fill",
    };
    nsky_augment out;
    nsky_error err;

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        nsky_json *object = nsky_augment_describe(&nsky_augment_default);
        nsky_json_put_number(object, keys[i], -3);
        assert_fails(nsky_augment_parse(&out, object, "log", &err), NSKY_EDATA, err, keys[i]);
        nsky_json_free(object);
    }
    static const char *const draws[] = {
        "{\"kind\":\"never\"}",
        "{\"kind\":\"uniform\",\"low\":2,\"high\":1}",
        "{\"kind\":\"times\",\"low\":-1,\"high\":1}",
        "{\"kind\":\"lognormal\",\"scale\":1,\"sigma\":1}",
        "{\"kind\":\"uniform\",\"low\":0,\"high\":1e30}",
        "[]",
    };
    for (size_t i = 0; i < sizeof draws / sizeof *draws; i++) {
        nsky_json *object = nsky_augment_describe(&nsky_augment_default), *value;
        err = (nsky_error)NSKY_ERROR_INIT;
        assert_ok(nsky_json_parse(&value, draws[i], strlen(draws[i]), "test", &err), err);
        nsky_json_put(object, "reddening", value);
        assert_fails(nsky_augment_parse(&out, object, "log", &err), NSKY_EDATA, err, "reddening");
        nsky_json_free(object);
    }
}

static void words_set_what_they_name(void **state)
{
    nsky_augment a = nsky_augment_none;
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    assert_ok(nsky_augment_set(&a,
                               "all=default,reddening=0.2,flips=off,rotation=off,zoom=0.05,"
                               "zoom_keeps=flux,blur=off,jitter=4,noise=3,fill=off",
                               &err),
              err);
    assert_true(a.reddening.kind == NSKY_DRAW_UNIFORM && a.reddening.high == 0.2f);
    assert_true(!a.flips && !a.rotation && a.zoom_low == 0.95f && a.zoom_high == 1.05f);
    assert_true(a.zoom_keeps_flux && a.blur[2].kind == NSKY_DRAW_OFF && a.jitter_px == 4);
    assert_true(a.noise[1].kind == NSKY_DRAW_TIMES && a.noise[1].high == 3 && !a.fill);
    assert_ok(nsky_augment_set(&a, "reddening=around:0.02,blur=uniform,noise=lognormal", &err),
              err);
    assert_true(a.reddening.kind == NSKY_DRAW_AROUND && a.reddening.low == -0.02f);
    assert_true(a.blur[0].high == 5 && a.noise[2].kind == NSKY_DRAW_LOGNORMAL);
    static const char *const wrong[] = {
        "",          "reddening",       "reddening=",    "reddening=-1", "reddening=around:",
        "zoom=2",    "rotation=maybe",  "blur=0.5",      "jitter=1e9",   "jitter=nan",
        "noise=inf", "flips=on,",       "zoom_keeps=it", "all=mine",     "reddening=0.1x",
        "foo=bar",   "reddening=0.1,,", "fill=1",
    };
    nsky_augment before = a;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_fails(nsky_augment_set(&a, wrong[i], &err), NSKY_EINVAL, err, "sets no augment");
        assert_memory_equal(&a, &before, sizeof a);
    }
    char endless[5000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_fails(nsky_augment_set(&a, endless, &err), NSKY_EINVAL, err, "sets no");
}

/* --- hostile stamps --- */

static void expect_sane(const nsky_stamp *stamp, const char *what)
{
    const nsky_augment *const all[] = {&nsky_augment_default, &nsky_augment_stein,
                                       &nsky_augment_none};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int stretch = 0; stretch < 2; stretch++) {
            nsky_error err = NSKY_ERROR_INIT;
            nsky_augment_scratch *scratch;
            float view[IMAGE];
            how.stretch = stretch ? NSKY_STRETCH_STEIN : NSKY_STRETCH_VIEWER;
            assert_ok(nsky_augment_scratch_new(&scratch, all[i], &how, &err), err);
            for (uint32_t v = 0; v < 4; v++) {
                assert_ok(
                    nsky_augment_view(all[i], &how, stamp, NULL, 1, 2, 3, v, view, scratch, &err),
                    err);
                for (size_t p = 0; p < IMAGE; p++)
                    if (!(view[p] >= 0 && view[p] <= 1))
                        fail_msg("%s: %g at %zu", what, (double)view[p], p);
            }
            nsky_augment_scratch_free(scratch);
        }
    how.stretch = NSKY_STRETCH_VIEWER;
}

static void hostile_stamps_give_images(void **state)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-40f, 0};
    static const struct {
        uint32_t width, height;
        float scale;
    } shapes[] = {{1, 1, 0.262f},  {2, 1, 0.262f}, {1, 512, 0.1f},   {512, 3, 0.262f},
                  {64, 64, 1e-3f}, {9, 9, 1e3f},   {152, 152, 0.2f}, {33, 32, 0.396f}};

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++)
            for (int mixed = 0; mixed < 2; mixed++) {
                nsky_stamp *stamp = new_stamp(shapes[i].width, shapes[i].height, shapes[i].scale);
                size_t count = (size_t)3 * stamp->width * stamp->height;
                char what[64];
                for (size_t p = 0; p < count; p++)
                    stamp->pixels[p] = mixed ? values[(p * 7 + v) % 7] : values[v];
                snprintf(what, sizeof what, "shape %zu, value %zu, mixed %d", i, v, mixed);
                expect_sane(stamp, what);
                nsky_stamp_free(stamp);
            }
}

typedef struct one_view {
    nsky_stamp *stamp;
    float *out;
} one_view;

static nsky_status make_one(void *context, nsky_error *err)
{
    one_view *v = context;
    nsky_augment_scratch *scratch;
    nsky_status status = nsky_augment_scratch_new(&scratch, &nsky_augment_default, &how, err);

    if (status != NSKY_OK)
        return status;
    status = nsky_augment_view(&nsky_augment_default, &how, v->stamp, NULL, 1, 2, 3, 4, v->out,
                               scratch, err);
    nsky_augment_scratch_free(scratch);
    return status;
}

static void survives_lack_of_memory(void **state)
{
    float out[IMAGE];
    one_view v = {new_stamp(400, 400, 0.1), out};

    (void)state;
    assert_true(exhaust_memory(make_one, &v) >= 7);
    nsky_stamp_free(v.stamp);
}

static int set_up(void **state)
{
    (void)state;
    how = nsky_preprocess_default;
    how.size = SIZE;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reddening_changes_colours_exactly),
        cmocka_unit_test(the_catalogue_is_asked_where_told),
        cmocka_unit_test(draws_follow_the_published_distributions),
        cmocka_unit_test(flips_are_fair_and_independent),
        cmocka_unit_test(own_values_are_taken_where_asked),
        cmocka_unit_test(every_key_counts_and_nothing_else),
        cmocka_unit_test(switching_one_off_leaves_the_others),
        cmocka_unit_test(json_comes_back),
        cmocka_unit_test(json_is_checked),
        cmocka_unit_test(words_set_what_they_name),
        cmocka_unit_test(hostile_stamps_give_images),
        cmocka_unit_test(survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
