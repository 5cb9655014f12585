/* A stand-in for the driver's library: the handful of functions that the product calls, with answers from a file.

   NVML_ANSWERS names it; each line is "NAME VALUE". "function.code N" makes a function fail with N; "gpus N" is how many
   there are; the rest are values. It is read at each call, so that a test can change the machine while it runs. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int gpu, memory; } Utilization;

static long long value_of(const char *name, long long otherwise) {
    const char *path = getenv("NVML_ANSWERS");
    FILE *file = path ? fopen(path, "r") : NULL;
    char key[128];
    long long value, found = otherwise;
    while (file && fscanf(file, "%127s %lld", key, &value) == 2)
        if (strcmp(key, name) == 0) found = value;
    if (file) fclose(file);
    return found;
}

static int code(const char *function) {
    char key[128];
    snprintf(key, sizeof key, "%s.code", function);
    return (int)value_of(key, 0);
}

#define ANSWER(function, body) do { int failed = code(function); if (failed) return failed; body; return 0; } while (0)

static const char *NAMES[] = {"NVIDIA GeForce RTX 3080", "NVIDIA P106\x1b[31m-100"};

int nvmlInitWithFlags(unsigned int flags) { (void)flags; ANSWER("init", ); }
int nvmlInit_v2(void) { ANSWER("init", ); }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int result) { (void)result; return "an error"; }
int nvmlSystemGetDriverVersion(char *text, unsigned int length) { ANSWER("driver", snprintf(text, length, "550.54.14")); }
int nvmlDeviceGetCount_v2(unsigned int *count) { ANSWER("count", *count = (unsigned int)value_of("gpus", 1)); }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    ANSWER("handle", *device = (void *)(unsigned long)(index + 1));
}
int nvmlDeviceGetName(void *device, char *text, unsigned int length) {
    ANSWER("name", snprintf(text, length, "%s", NAMES[((unsigned long)device - 1) % 2]));
}
int nvmlDeviceGetUUID(void *device, char *text, unsigned int length) {
    ANSWER("uuid", snprintf(text, length, "GPU-%lu", (unsigned long)device));
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *value) {
    (void)device; (void)sensor;
    long long hang = value_of("hang", 0);
    if (hang) sleep((unsigned int)hang);
    ANSWER("temperature", *value = (unsigned int)value_of("temperature", 64));
}
int nvmlDeviceGetFanSpeed(void *device, unsigned int *value) { (void)device; ANSWER("fan", *value = 70); }
int nvmlDeviceGetPowerUsage(void *device, unsigned int *value) { (void)device; ANSWER("power", *value = 223456); }
int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned int *value) { (void)device; ANSWER("limit", *value = 230000); }
int nvmlDeviceGetClockInfo(void *device, int clock, unsigned int *value) {
    (void)device;
    ANSWER("clock", *value = clock == 2 ? 9251u : 1440u);
}
int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
    (void)device;
    ANSWER("memory", memory->total = 10737418240ull; memory->used = 5368709120ull; memory->free = 5368709120ull);
}
int nvmlDeviceGetUtilizationRates(void *device, Utilization *load) { (void)device; ANSWER("load", load->gpu = 100; load->memory = 90); }
