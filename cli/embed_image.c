/* embed_image.c - see embed_image.h. */
#include "cli/embed_image.h"

#include <stdio.h>

#include "common/memory.h"
#include "encoder/encoder.h"
#include "ingest/decode.h"
#include "store/generation.h"

nsky_status nsky_cli_embed_image(const char *store, const char *image, const char *device,
                                 float *out, nsky_error *err)
{
    nsky_decoded decoded = {0};
    nsky_generation *generation = NULL;
    nsky_model *model = NULL;
    nsky_encoder *encoder = NULL;
    char *path = NULL;
    nsky_encoder_options options = nsky_encoder_defaults();
    options.device = device;
    nsky_status status = nsky_decode_file(&decoded, image, err);
    if (status == NSKY_OK &&
        (status = nsky_generation_open(&generation, store, 0, err)) == NSKY_OK &&
        (status = nsky_generation_model_path(generation, &path, err)) == NSKY_OK &&
        (status = nsky_model_open(&model, path, err)) == NSKY_OK &&
        (status = nsky_encoder_open(&encoder, model, &options, err)) == NSKY_OK) {
        const nsky_stamp *stamps[1] = {decoded.stamp};
        status = nsky_encoder_embed_stamps(encoder, stamps, 1, out, err);
        if (decoded.notes[0])
            fprintf(stderr, "%s: %s\n", image, decoded.notes);
    }
    nsky_encoder_close(encoder);
    nsky_model_close(model);
    nsky_generation_close(generation);
    nsky_free(path);
    nsky_decoded_clear(&decoded);
    return status;
}
