/* train.c - `nearsky train`: train.h from the command line. */
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/train_options.h"
#include "common/memory.h"
#include "encoder/train/plot.h"

#define FINE_RATE 0.01 /* of a trunk that has learned before */

static int report_json(const nsky_train_report *report, const nsky_train_options *options,
                       const char *out)
{
    nsky_json *object = nsky_json_object();

    nsky_json_put_string(object, "model", out);
    nsky_json_put_integer(object, "rows", (int64_t)report->rows);
    nsky_json_put_integer(object, "steps", (int64_t)report->steps);
    nsky_json_put_number(object, "loss", report->loss);
    nsky_json_put_fixed(object, "accuracy", report->accuracy, 4);
    nsky_json_put_fixed(object, "knn_accuracy", report->knn_accuracy, 4);
    nsky_json_put_fixed(object, "precision_at_10", report->precision_at_10, 4);
    nsky_json_put_fixed(object, "validation", report->validation, 5);
    nsky_json_put_fixed(object, "seconds", report->seconds, 1);
    if (options->ranks > 1) {
        nsky_json_put_integer(object, "rank", options->rank + 1);
        nsky_json_put_integer(object, "ranks", options->ranks);
    }
    return nsky_cli_print_json("train", object);
}

static int report_text(const nsky_train_report *report, const nsky_train_options *options,
                       const char *out)
{
    if (options->ranks > 1 && options->rank > 0) {
        printf("rank %u/%u: %" PRIu64 " steps, %.0f s; rank 1/%u writes %s\n", options->rank + 1,
               options->ranks, report->steps, report->seconds, options->ranks, out);
        return NSKY_EXIT_DONE;
    }
    printf("%s: %" PRIu64 " steps over %" PRIu64 " stamps, loss %.4f", out, report->steps,
           report->rows, report->loss);
    if (isfinite(report->knn_accuracy))
        printf(", kNN accuracy %.3f, P@10 %.3f", report->knn_accuracy, report->precision_at_10);
    if (isfinite(report->validation))
        printf(", validation %.4f", report->validation);
    printf(", %.0f s\n", report->seconds);
    return NSKY_EXIT_DONE;
}

/* The network is what the first model's is, and sees what that sees, where nothing else was asked.
 */
static nsky_status follow_initial(nsky_cli_train_arguments *args, nsky_error *err)
{
    nsky_train_options *o = &args->options;
    uint32_t size = o->preprocess.size, views = o->preprocess.views;
    nsky_model *model;
    nsky_status status;

    if (!o->init)
        return NSKY_OK;
    if ((status = nsky_model_open(&model, o->init, err)) != NSKY_OK)
        return status;
    const nsky_model_info *info = nsky_model_info_of(model);
    o->arch = info->arch;
    o->stem = info->stem;
    o->preprocess = info->preprocess;
    if (args->sized)
        o->preprocess.size = size;
    if (args->viewed)
        o->preprocess.views = views;
    if (o->labels && !args->rated)
        o->rate = FINE_RATE;
    nsky_model_close(model);
    return NSKY_OK;
}

/* The curves of a training that is under way elsewhere, or over. */
static int plot_only(const nsky_cli_train_arguments *args)
{
    nsky_error err = NSKY_ERROR_INIT;
    char *log = nsky_format(&err, "%s.train/log.jsonl", args->out);
    nsky_status status =
        log ? nsky_train_plot(log, args->options.plot, NULL, NULL, &err) : NSKY_ENOMEM;

    nsky_free(log);
    return status == NSKY_OK ? NSKY_EXIT_DONE : nsky_cli_failed("train", &err);
}

int nsky_cli_train(int argc, char **argv)
{
    nsky_cli_train_arguments args = {.options = nsky_train_defaults()};
    nsky_train_report report;
    nsky_error err = NSKY_ERROR_INIT;
    int stop = nsky_cli_train_parse(argc, argv, &args);

    if (stop)
        return stop - 1;
    if (optind == argc)
        return plot_only(&args);
    args.options.stop = nsky_cli_stop_on_signals();
    nsky_status status = follow_initial(&args, &err);
    if (status == NSKY_OK)
        status = nsky_train_survey((const char *const *)argv + optind, (uint32_t)(argc - optind),
                                   args.out, &args.options, &report, &err);
    if (status != NSKY_OK)
        return nsky_cli_failed("train", &err);
    return args.json ? report_json(&report, &args.options, args.out)
                     : report_text(&report, &args.options, args.out);
}
