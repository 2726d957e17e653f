/* object.c - names of classes and the bookkeeping of components. Thread rule: pure. */
#include "sim/object.h"

#include <assert.h>
#include <string.h>

static const char *const class_names[NSKY_SIM_CLASSES] = {
    [NSKY_SIM_ELLIPTICAL] = "elliptical",
    [NSKY_SIM_SPIRAL] = "spiral",
    [NSKY_SIM_BARRED] = "barred",
    [NSKY_SIM_RING] = "ring",
    [NSKY_SIM_EDGE_ON] = "edge-on",
    [NSKY_SIM_MERGER] = "merger",
    [NSKY_SIM_IRREGULAR] = "irregular",
    [NSKY_SIM_LENS] = "lens",
    [NSKY_SIM_BARE_DEFLECTOR] = "bare-deflector",
    [NSKY_SIM_BLUE_SATELLITE] = "blue-satellite",
    [NSKY_SIM_SPIRAL_MIMIC] = "spiral-mimic",
    [NSKY_SIM_RING_MIMIC] = "ring-mimic",
    [NSKY_SIM_TIDAL_ARC] = "tidal-arc",
    [NSKY_SIM_CHANCE_NEIGHBOUR] = "chance-neighbour",
    [NSKY_SIM_TANGENTIAL_EDGE] = "tangential-edge-on",
    [NSKY_SIM_STAR] = "star",
};

static const char *const artefact_names[NSKY_SIM_ARTEFACT_KINDS] = {
    "trail",     "ghost",      "bleed",      "missing-band",
    "chip-edge", "cosmic-ray", "sky-offset", "misaligned",
};

const char *nsky_sim_class_name(nsky_sim_class class)
{
    assert((unsigned)class < NSKY_SIM_CLASSES);
    return class_names[class];
}

const char *nsky_sim_role_name(nsky_sim_role role)
{
    return role == NSKY_SIM_PRIMARY ? "primary" : role == NSKY_SIM_FIELD ? "field" : "foreground";
}

const char *nsky_sim_artefact_name(uint32_t artefact_bit)
{
    for (int i = 0; i < NSKY_SIM_ARTEFACT_KINDS; i++)
        if (artefact_bit == 1u << i)
            return artefact_names[i];
    return NULL;
}

sim_component *sim_object_add(sim_object *object, sim_shape shape)
{
    assert(object->count < SIM_COMPONENTS_MAX); /* each recipe knows how many it makes */
    sim_component *component = &object->components[object->count++];

    *component = (sim_component){.shape = shape, .q = 1, .n = 1};
    return component;
}

void sim_object_sum(sim_object *object)
{
    for (int band = 0; band < SIM_BANDS; band++) {
        object->total[band] = 0;
        for (uint32_t i = 0; i < object->count; i++) {
            const sim_component *c = &object->components[i];
            double magnification = c->shape == SIM_ARC ? object->lens.magnification : 1;
            object->total[band] += c->flux[band] * magnification;
        }
    }
}
