/* Galaxies of the neighbourhood: what they are made of, and that no light is lost or added. */
#include "support.h"

#include "sim/nearby.h"

#include <string.h>

enum { COUNT = 3000 };

static uint32_t of_shape(const sim_object *object, sim_shape shape)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < object->count; i++)
        count += object->components[i].shape == shape;
    return count;
}

static sim_object draw(uint64_t number, double mag_z)
{
    nsky_rng rng = nsky_rng_at(5, 1, number);
    sim_object object = {.x = 3, .y = 4, .role = NSKY_SIM_PRIMARY};

    nsky_sim_class class = sim_draw_nearby_class(&rng);

    sim_make_nearby(&object, &rng, class, mag_z, 0.04);
    assert_int_equal(object.class, class);
    return object;
}

/* Rings are what has a ring, and nothing else has. */
static void test_a_class_is_what_it_says(void **state)
{
    (void)state;
    int of_class[NSKY_SIM_CLASSES] = {0}, outer = 0, armed_bars = 0;

    for (uint64_t n = 0; n < COUNT; n++) {
        sim_object o = draw(n, 14.5);
        uint32_t rings = of_shape(&o, SIM_RING), arms = of_shape(&o, SIM_ARMS);
        of_class[o.class]++;
        outer += rings > 1;
        armed_bars += o.class == NSKY_SIM_BARRED && arms > 0;
        assert_int_equal(rings > 0, o.class == NSKY_SIM_RING);
        if (o.class == NSKY_SIM_ELLIPTICAL || o.class == NSKY_SIM_IRREGULAR)
            assert_int_equal(of_shape(&o, SIM_SERSIC), o.count);
        assert_int_equal(of_shape(&o, SIM_EDGE) > 0, o.class == NSKY_SIM_EDGE_ON);
    }
    assert_near(of_class[NSKY_SIM_RING] / (double)COUNT, 0.22, 0.03);
    assert_near(of_class[NSKY_SIM_SPIRAL] / (double)COUNT, 0.18, 0.03);
    assert_near(of_class[NSKY_SIM_IRREGULAR] / (double)COUNT, 0.12, 0.03);
    assert_near(armed_bars / (double)of_class[NSKY_SIM_BARRED], 0.5, 0.08);
    assert_near(outer / (double)of_class[NSKY_SIM_RING], 0.8 * 0.4 * 0.5, 0.06);
}

/* A merger's tails are stars pulled out beyond what its two galaxies have; nobody else gains any.
 */
static void test_light_is_shared_out(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < COUNT; n++) {
        sim_object o = draw(n, 15);
        if (o.class == NSKY_SIM_MERGER || o.class == NSKY_SIM_EDGE_ON)
            continue; /* a dust lane takes some away */
        assert_near(o.total[2] / sim_flux(15), 1, 1e-9);
        for (uint32_t i = 0; i < o.count; i++) {
            const sim_component *c = &o.components[i];
            assert_true(c->r > 0 && c->q > 0 && c->q <= 1);
            for (int band = 0; band < SIM_BANDS; band++)
                assert_true(c->flux[band] > 0);
        }
    }
}

/* A bar ends within its ring, whatever the ring's own shape. */
static void test_rings_surround_bars(void **state)
{
    (void)state;
    int seen = 0;

    for (uint64_t n = 0; n < COUNT; n++) {
        sim_object o = draw(n, 14);
        const sim_component *ring = NULL;
        for (uint32_t i = 0; o.class == NSKY_SIM_RING && i < o.count; i++) {
            const sim_component *c = &o.components[i];
            if (c->shape == SIM_RING && (!ring || c->r < ring->r))
                ring = c;
            if (c->shape == SIM_SERSIC && c->n == 0.5) {
                assert_non_null(ring);
                assert_true(c->r / 0.6 <= ring->r * 1.0001);
                seen++;
            }
        }
    }
    assert_true(seen > COUNT * 0.22 * 0.8 * 0.4);
}

static void test_a_number_is_one_galaxy(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 50; n++) {
        sim_object a = draw(n, 15), b = draw(n, 15);
        assert_int_equal(a.count, b.count);
        assert_memory_equal(a.components, b.components, a.count * sizeof *a.components);
        assert_true(a.x == 3 && a.y == 4 && a.z == 0.04);
        assert_true(a.re > 0 && a.n > 0); /* what a catalogue says of it */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_class_is_what_it_says),
        cmocka_unit_test(test_light_is_shared_out),
        cmocka_unit_test(test_rings_surround_bars),
        cmocka_unit_test(test_a_number_is_one_galaxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
