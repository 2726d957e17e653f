/* write_golden_model.c - ARCH STEM FILE: the weights that export_goldens.py runs in PyTorch. */
#include <stdio.h>

#include "tests/encoder/golden_model.h"

int main(int argc, char **argv)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_model *model = NULL;
    nsky_arch arch;
    nsky_stem stem;

    if (argc != 4 || !nsky_arch_parse(argv[1], &arch) || !nsky_stem_parse(argv[2], &stem)) {
        fprintf(stderr, "usage: %s resnet18|resnet34|resnet50 imagenet|small FILE\n", argv[0]);
        return 2;
    }
    if (golden_model(&model, arch, stem, &err) != NSKY_OK ||
        nsky_model_write(model, argv[3], &err) != NSKY_OK)
        fprintf(stderr, "%s\n", err.text);
    nsky_model_close(model);
    return err.status == NSKY_OK ? 0 : 1;
}
