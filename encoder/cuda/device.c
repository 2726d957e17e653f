/* device.c - device.h on the CUDA runtime: memory, copies, events, captures.
 * Thread rule: see device.h. The current device is a thread's own: it is always the first of those
 * that CUDA_VISIBLE_DEVICES leaves. */
#include "encoder/cuda/device_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"

#define CAPABILITY_MIN 80 /* Ampere: bf16 */
/* What the largest usual network takes (docs/gpu.md), with the driver's own share. */
#define MEMORY_MIN_BYTES ((size_t)6 << 30)

nsky_status nsky_dev_fail(nsky_error *err, cudaError_t code, const char *what)
{
    switch (code) {
    case cudaErrorMemoryAllocation:
        return nsky_fail(err, NSKY_EDEVICE,
                         "the card has too little memory left (%s): end what else runs on it "
                         "(nvidia-smi shows it), or use --device cpu",
                         what);
    case cudaErrorDeviceUninitialized:
    case cudaErrorECCUncorrectable:
    case cudaErrorNoDevice:
    case cudaErrorDevicesUnavailable:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorIllegalAddress:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorSystemNotReady:
    case cudaErrorUnknown:
        return nsky_fail(err, NSKY_EDEVICE,
                         "the card is lost (%s: %s): what was finished is kept; run the command "
                         "again, with --device cpu if it happens again",
                         what, cudaGetErrorString(code));
    default:
        return nsky_fail(err, NSKY_EDEVICE, "CUDA: %s failed: %s", what, cudaGetErrorString(code));
    }
}

/* NSKY_OK or described. */
static nsky_status check(cudaError_t code, const char *what, nsky_error *err)
{
    return code == cudaSuccess ? NSKY_OK : nsky_dev_fail(err, code, what);
}

static nsky_status probe_driver(nsky_error *err)
{
    int driver = 0, count = 0;
    cudaError_t code = cudaDriverGetVersion(&driver);

    if (code != cudaSuccess || driver == 0)
        return nsky_fail(err, NSKY_EDEVICE,
                         "no NVIDIA driver here: install one for CUDA %d, or use --device cpu",
                         CUDART_VERSION / 1000);
    if (driver / 1000 < CUDART_VERSION / 1000)
        return nsky_fail(err, NSKY_EDEVICE,
                         "the NVIDIA driver is too old (it knows CUDA %d.%d, this needs %d.0): "
                         "install a newer one, or use --device cpu",
                         driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000);
    code = cudaGetDeviceCount(&count);
    if (code == cudaErrorNoDevice || (code == cudaSuccess && count == 0))
        return nsky_fail(
            err, NSKY_EDEVICE,
            "the NVIDIA driver shows no card (CUDA_VISIBLE_DEVICES may hide them); use "
            "--device cpu");
    return check(code, "counting cards", err);
}

static nsky_status probe_card(char *described, size_t bytes, nsky_error *err)
{
    struct cudaDeviceProp card;
    size_t free_bytes = 0, total = 0;
    size_t dnn = cudnnGetVersion();
    nsky_status status;

    if ((status = check(cudaGetDeviceProperties(&card, 0), "asking for the card", err)) != NSKY_OK)
        return status;
    if (card.major * 10 + card.minor < CAPABILITY_MIN)
        return nsky_fail(err, NSKY_EDEVICE,
                         "%s is too old (compute capability %d.%d, bf16 needs %d.%d): use --device "
                         "cpu",
                         card.name, card.major, card.minor, CAPABILITY_MIN / 10,
                         CAPABILITY_MIN % 10);
    if ((status = check(cudaMemGetInfo(&free_bytes, &total), "asking for memory", err)) != NSKY_OK)
        return status;
    if (free_bytes < MEMORY_MIN_BYTES)
        return nsky_fail(err, NSKY_EDEVICE,
                         "%s has %.1f GB of memory free, %.1f are needed: end what else runs on it "
                         "(nvidia-smi shows it), or use --device cpu",
                         card.name, (double)free_bytes / 1e9, (double)MEMORY_MIN_BYTES / 1e9);
    if (described)
        snprintf(described, bytes, "%s, cuDNN %zu.%zu.%zu", card.name, dnn / 10000,
                 dnn % 10000 / 100, dnn % 100);
    return NSKY_OK;
}

nsky_status nsky_dev_probe(char *described, size_t bytes, nsky_error *err)
{
    assert(err);
    nsky_status status = probe_driver(err);

    return status == NSKY_OK ? probe_card(described, bytes, err) : status;
}

nsky_status nsky_dev_open(nsky_dev **out, nsky_error *err)
{
    assert(out && err);
    struct cudaDeviceProp card;
    nsky_dev *dev = nsky_alloc_zero(1, sizeof *dev, err);
    cudnnStatus_t dnn = CUDNN_STATUS_SUCCESS;
    nsky_status status;

    *out = NULL;
    if (!dev)
        return err->status;
    if ((status = check(cudaGetDeviceProperties(&card, 0), "asking for the card", err)) != NSKY_OK)
        goto failed;
    snprintf(dev->card, sizeof dev->card, "%s", card.name);
    for (int i = 0; i < NSKY_STREAMS && status == NSKY_OK; i++)
        status = check(cudaStreamCreateWithFlags(&dev->streams[i], cudaStreamNonBlocking),
                       "opening a stream", err);
    if (status != NSKY_OK)
        goto failed;
    if ((dnn = cudnnCreate(&dev->dnn)) != CUDNN_STATUS_SUCCESS ||
        (dnn = cudnnSetStream(dev->dnn, dev->streams[NSKY_STREAM_COMPUTE])) !=
            CUDNN_STATUS_SUCCESS) {
        status = nsky_dnn_fail(err, dnn, "opening cuDNN");
        goto failed;
    }
    if ((status = nsky_choices_open(&dev->choices, dev->card, cudnnGetVersion(), err)) != NSKY_OK)
        goto failed;
    *out = dev;
    return NSKY_OK;
failed:
    nsky_dev_close(dev);
    return status;
}

void nsky_dev_close(nsky_dev *dev)
{
    if (!dev)
        return;
    nsky_choices_close(&dev->choices);
    if (dev->dnn)
        cudnnDestroy(dev->dnn);
    for (int i = 0; i < NSKY_STREAMS; i++)
        if (dev->streams[i])
            cudaStreamDestroy(dev->streams[i]);
    nsky_free(dev);
}

void nsky_dev_keep_choices(nsky_dev *dev)
{
    assert(dev);
    nsky_error err = NSKY_ERROR_INIT;

    if (nsky_choices_save(&dev->choices, &err) != NSKY_OK)
        nsky_log_warn("the choice of kernels is not kept for the next start: %s", err.text);
}

void *nsky_dev_stream(const nsky_dev *dev, nsky_stream stream)
{
    return (void *)dev->streams[stream];
}

nsky_status nsky_dev_check(const nsky_dev *dev, int code, const char *what, nsky_error *err)
{
    (void)dev;
    return check((cudaError_t)code, what, err);
}

nsky_status nsky_dev_alloc(nsky_dev *dev, void **out, size_t bytes, const char *what,
                           nsky_error *err)
{
    assert(dev && out && what && err);
    (void)dev;
    return check(cudaMalloc(out, bytes > 0 ? bytes : 1), what, err);
}

void nsky_dev_free(nsky_dev *dev, void *block)
{
    (void)dev;
    if (block)
        cudaFree(block);
}

nsky_status nsky_dev_pin(nsky_dev *dev, void **out, size_t bytes, nsky_error *err)
{
    assert(dev && out && err);
    (void)dev;
    cudaError_t code = cudaHostAlloc(out, bytes > 0 ? bytes : 1, cudaHostAllocDefault);
    if (code == cudaErrorMemoryAllocation)
        return nsky_fail(err, NSKY_ENOMEM,
                         "cannot pin %.1f MB of memory for copies to the card: give fewer "
                         "--workers",
                         (double)bytes / 1e6);
    return check(code, "pinning memory", err);
}

void nsky_dev_unpin(nsky_dev *dev, void *block)
{
    (void)dev;
    if (block)
        cudaFreeHost(block);
}

nsky_status nsky_dev_copy_in(nsky_dev *dev, void *to, const void *from, size_t bytes,
                             nsky_stream stream, nsky_error *err)
{
    return check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, dev->streams[stream]),
                 "copying to the card", err);
}

nsky_status nsky_dev_copy_out(nsky_dev *dev, void *to, const void *from, size_t bytes,
                              nsky_stream stream, nsky_error *err)
{
    return check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, dev->streams[stream]),
                 "copying from the card", err);
}

nsky_status nsky_dev_sync(nsky_dev *dev, nsky_stream stream, nsky_error *err)
{
    return check(cudaStreamSynchronize(dev->streams[stream]), "the card's work", err);
}

/* Waiting sleeps: the cores have stamps to read. */
nsky_status nsky_dev_event_new(nsky_dev *dev, nsky_dev_event **out, nsky_error *err)
{
    cudaEvent_t event = NULL;

    (void)dev;
    nsky_status status =
        check(cudaEventCreateWithFlags(&event, cudaEventBlockingSync), "making an event", err);
    *out = (nsky_dev_event *)event;
    return status;
}

void nsky_dev_event_free(nsky_dev *dev, nsky_dev_event *event)
{
    (void)dev;
    if (event)
        cudaEventDestroy((cudaEvent_t)event);
}

nsky_status nsky_dev_record(nsky_dev *dev, nsky_dev_event *event, nsky_stream stream,
                            nsky_error *err)
{
    return check(cudaEventRecord((cudaEvent_t)event, dev->streams[stream]), "recording an event",
                 err);
}

nsky_status nsky_dev_follow(nsky_dev *dev, nsky_stream stream, nsky_dev_event *event,
                            nsky_error *err)
{
    return check(cudaStreamWaitEvent(dev->streams[stream], (cudaEvent_t)event, 0),
                 "putting streams in order", err);
}

nsky_status nsky_dev_wait(nsky_dev *dev, nsky_dev_event *event, nsky_error *err)
{
    (void)dev;
    return check(cudaEventSynchronize((cudaEvent_t)event), "the card's work", err);
}

nsky_status nsky_dev_between(nsky_dev *dev, nsky_dev_event *from, nsky_dev_event *to,
                             double *seconds, nsky_error *err)
{
    float ms = 0;

    (void)dev;
    nsky_status status =
        check(cudaEventElapsedTime(&ms, (cudaEvent_t)from, (cudaEvent_t)to), "timing", err);
    *seconds = ms * 1e-3;
    return status;
}

/* Thread-local: what other threads do meanwhile (pinning, say) does not end the capture. */
nsky_status nsky_dev_capture(nsky_dev *dev, nsky_error *err)
{
    return check(
        cudaStreamBeginCapture(dev->streams[NSKY_STREAM_COMPUTE], cudaStreamCaptureModeThreadLocal),
        "recording the network", err);
}

nsky_status nsky_dev_captured(nsky_dev *dev, nsky_dev_graph **out, nsky_error *err)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t made = NULL;
    nsky_status status;

    *out = NULL;
    if ((status = check(cudaStreamEndCapture(dev->streams[NSKY_STREAM_COMPUTE], &graph),
                        "recording the network", err)) == NSKY_OK) {
        status = check(cudaGraphInstantiate(&made, graph, 0), "preparing the network", err);
        cudaGraphDestroy(graph);
    }
    if (status != NSKY_OK)
        (void)cudaGetLastError(); /* a launch that follows is not to be blamed */
    *out = (nsky_dev_graph *)made;
    return status;
}

nsky_status nsky_dev_launch(nsky_dev *dev, nsky_dev_graph *graph, nsky_error *err)
{
    return check(cudaGraphLaunch((cudaGraphExec_t)graph, dev->streams[NSKY_STREAM_COMPUTE]),
                 "starting the network", err);
}

void nsky_dev_graph_free(nsky_dev *dev, nsky_dev_graph *graph)
{
    (void)dev;
    if (graph)
        cudaGraphExecDestroy((cudaGraphExec_t)graph);
}
