/* stream.h (private) - which stream of random numbers is for what. Adding one at the end changes no
 * survey that was made before. */
#ifndef NSKY_SIM_STREAM_H
#define NSKY_SIM_STREAM_H

enum {
    SIM_STREAM_SURVEY = 1, /* of the seed: item 0 */
    SIM_STREAM_FIELD_SEED, /* of the seed: item = brick or stamp */
    SIM_STREAM_DEFLECTOR,  /* of the seed: item = deflector */
    SIM_STREAM_SHUFFLE,    /* of the seed */
    /* The rest are of a field's own seed. */
    SIM_STREAM_CONDITIONS,
    SIM_STREAM_PRIMARY, /* item = object */
    SIM_STREAM_POSITION,
    SIM_STREAM_FIELD_GALAXY,
    SIM_STREAM_GROUP,
    SIM_STREAM_STAR,
    SIM_STREAM_HAZE,
    SIM_STREAM_ARTEFACT,
    SIM_STREAM_CATALOGUE,
    SIM_STREAM_NOISE = 64, /* + band; item = row */
};

#endif
