/*
 * Prints numbered lines of 100 bytes as fast as it can, and notes how long that took.
 *
 *   writer MODE LINES RESULT [GO]
 *
 * MODE is `block` (64 KiB a write), `line` (a write for each line, as a flush does), or a number: so many lines a
 * second, a write for each. Every 10,000th line is an ERROR, for patterns. The nanoseconds between the first write
 * and the last are put into the file RESULT, which appears only when it is complete. With GO, the writer waits until
 * that file is there. writer.js is the same for machines without a C compiler.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE 100
#define BLOCK (LINE * 655)

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void pause_ns(long long ns) {
  struct timespec time = {ns / 1000000000LL, ns % 1000000000LL};
  nanosleep(&time, NULL);
}

static void put(const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(1, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) exit(1);
    bytes += written;
    length -= (size_t)written;
  }
}

static void make_line(char *line, long number) {
  static const char text[] = " worker-3 answered GET /api/items?page=7 in 12 ms and now waits for more to do";
  memcpy(line + 16, text, sizeof text - 1);
  for (int digit = 9; digit >= 0; digit--, number /= 10) line[digit] = (char)('0' + number % 10);
}

int main(int count, char **words) {
  if (count < 4) return 2;
  long lines = atol(words[2]);
  long per_second = atol(words[1]);
  size_t limit = strcmp(words[1], "block") == 0 ? BLOCK : LINE;
  static char block[BLOCK];
  size_t used = 0;
  while (count > 4 && access(words[4], F_OK) != 0) pause_ns(1000000);
  long long start = now();
  for (long number = 1; number <= lines; number++) {
    char *line = block + used;
    memset(line, '.', LINE);
    memcpy(line + 10, number % 10000 == 0 ? " ERROR" : " INFO ", 6);
    make_line(line, number);
    line[LINE - 1] = '\n';
    used += LINE;
    if (used >= limit || number == lines) {
      put(block, used);
      used = 0;
    }
    if (per_second > 0 && number % 100 == 0) {
      long long due = start + number * (1000000000LL / per_second);
      long long left = due - now();
      if (left > 0) pause_ns(left);
    }
  }
  long long took = now() - start;
  char temporary[4096];
  snprintf(temporary, sizeof temporary, "%s.new", words[3]);
  FILE *file = fopen(temporary, "w");
  if (!file) return 1;
  fprintf(file, "%lld\n", took);
  fclose(file);
  return rename(temporary, words[3]) == 0 ? 0 : 1;
}
