/* A libnvidia-ml.so.1 for the tests: the functions of NVIDIA's nvml.h that the GPU signal calls, with the same
   names, arguments and return codes. What it answers stands in environment variables.
   Source: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html */
#include <stdlib.h>

typedef struct { unsigned int gpu, memory; } utilization;
typedef struct { unsigned long long total, free, used; } memory;

static int number(const char *name, int usual) {
  const char *text = getenv(name);
  return text ? atoi(text) : usual;
}

int nvmlInit_v2(void) { return number("FAKE_INIT", 0); }

int nvmlDeviceGetCount_v2(unsigned int *count) {
  *count = number("FAKE_COUNT", 1);
  return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
  *device = (void *)(long)(index + 1);
  return number("FAKE_HANDLE", 0);
}

int nvmlDeviceGetUtilizationRates(void *device, utilization *rates) {
  rates->gpu = (long)device == number("FAKE_COUNT", 1) ? number("FAKE_PERCENT", 0) : 0; /* the last one computes */
  rates->memory = 0;
  return number("FAKE_RATES", 0);
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, void *infos) {
  (void)device;
  (void)infos;
  *count = number("FAKE_PROCESSES", 0);
  return *count ? 7 : 0; /* NVML_ERROR_INSUFFICIENT_SIZE: there are some, and no room to name them */
}

int nvmlDeviceGetMemoryInfo(void *device, memory *info) {
  (void)device;
  info->total = 24ull << 30;
  info->used = (unsigned long long)number("FAKE_MIB", 0) << 20;
  info->free = info->total - info->used;
  return 0;
}
