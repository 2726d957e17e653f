/* train_help.c - what `nearsky train --help` says. */
#include <stdio.h>

#include "cli/train_options.h"

static const char help[] =
    "usage: nearsky train STORE... --out MODEL.safetensors [options]\n\n"
    "Learns from unlabelled stamps what looks alike, and writes a model for `nearsky embed`.\n"
    "Interrupted, it carries on when run again with the same options, and ends with the same "
    "bits;\n"
    "its checkpoint and its log (one line of JSON a step) are in MODEL.safetensors.train/.\n\n"
    "  --out FILE            the model\n"
    "  --arch A              resnet18, resnet34 or resnet50 (default resnet18)\n"
    "  --stem S              imagenet (7x7, stride 2, pool) or small (3x3, stride 1)\n"
    "  --size N              pixels a side of what the network sees (default 96)\n"
    "  --views N             1 or 8: turns and flips to average over when embedding (default 1)\n"
    "  --augment WORDS       changes to the augmentations; may come several times:\n";

static const char help_course[] =
    "  --epochs N            times every stamp is seen (default 100)\n"
    "  --batch N             objects a step (default 256)\n"
    "  --sub-batch N         images that share batch norm statistics (default 32)\n"
    "  --seed N              of weights, order and augmentations (default 1)\n"
    "  --lr X                peak learning rate for a batch of 256 (default 0.06)\n"
    "  --warm-epochs X       of rising learning rate (default 2)\n"
    "  --weight-decay X      of weights; batch norms and biases have none (default 1e-4)\n"
    "  --ema X               of the momentum encoder, rising to 1 (default 0.99)\n"
    "  --temperature X       (default 0.2)\n"
    "  --queue N             negatives (default 4096)\n"
    "  --hidden N            width of the heads' hidden layers (default 512)\n"
    "  --projection N        width of what is compared (default 128)\n"
    "  --one-sided           only the first view is a query\n"
    "  --predictor           a second head on the query\n"
    "  --neighbours          the positive is the nearest of the queue\n"
    "  --init MODEL          begin with this model's trunk, and its size, stretch and depth\n\n"
    "  --labels FILE         learn labels instead: CSV with id or name; only these objects\n"
    "  --label-column NAME   its column (default label)\n"
    "  --bins N              the column is a number (a redshift): learn which of N equal bins it\n"
    "                        is in; the estimate is the mean over the bins\n"
    "  --heads WORDS         several columns at once, each KIND:COLUMN[:WEIGHT], commas between. "
    "Kinds:\n"
    "                        class, near (vectors of one class near each other), number, flag (a "
    "text\n"
    "                        or none), binsN. An object without a label in a column teaches that "
    "head\n"
    "                        nothing\n"
    "  --clip X              cut gradients down to this length (default: none are)\n"
    "  --validate FILE       CSV of other objects with that column: measure now and then\n"
    "  --predict FILE        write what the network says of every object of the stores: CSV, with "
    "--heads\n"
    "                        a column or two for each\n\n"
    "  --device D            auto, cuda, cpu or ref (default auto: a card where one can be used)\n"
    "  --precision P         fp32 or bf16 (default: bf16 where this CPU, or a card, has it)\n"
    "  --threads N           that learn (default: one for each core; with a card, one)\n"
    "  --loader-threads N    that prepare images (default: one for each core)\n"
    "  --memory SIZE         for stamps (default 4G)\n"
    "  --host-views          with a card, too, augment on the CPU's cores (default: the card "
    "does)\n"
    "  --rank I/N            the I-th of N processes, a card each, that train together: start all "
    "N\n"
    "                        with the same words; 1/N keeps checkpoints, log and model "
    "(docs/gpu.md)\n"
    "  --checkpoint-s N      seconds between checkpoints (default 300)\n"
    "  --fresh               forget what an earlier run left\n"
    "  --fp32-file           write convolutions as float32, not float16\n"
    "  --momentum-encoder    write (and probe) its weights, not the query's; works afterwards "
    "too:\n"
    "                        the same command again, with this word\n"
    "  --snapshots           write MODEL at every checkpoint, as it stands\n"
    "  --name NAME           of the model (default: the file's)\n"
    "  --probe-labels FILE   CSV with id or name: measure now and then how neighbours agree\n"
    "  --probe-column NAME   its column of classes (default label)\n"
    "  --probe-epochs N      between measurements, validation too (default 5)\n"
    "  --plot FILE           the curves as SVG; without stores, of what MODEL.train/ has so far\n"
    "  --json                the report as JSON\n";

void nsky_cli_train_help(void)
{
    fputs(help, stdout);
    fputs(nsky_augment_set_help, stdout);
    fputs(help_course, stdout);
}
