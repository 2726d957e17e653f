/* train_options.h - private: what `nearsky train` is told. */
#ifndef NSKY_CLI_TRAIN_OPTIONS_H
#define NSKY_CLI_TRAIN_OPTIONS_H

#include "encoder/train/train.h"

typedef struct nsky_cli_train_arguments {
    nsky_train_options options;
    const char *out;
    bool sized, viewed, rated; /* the size, the views, the learning rate were given */
    bool json;
} nsky_cli_train_arguments;

/* optind is then the first store. 0 to go on, else an exit status plus one. */
int nsky_cli_train_parse(int argc, char **argv, nsky_cli_train_arguments *args);
void nsky_cli_train_help(void);

#endif
