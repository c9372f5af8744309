// How a server's connections spread over its threads.

#ifndef BENCHMARK_SPREAD_H
#define BENCHMARK_SPREAD_H

/// The most threads that are told apart.
#define SPREAD_THREADS 64

/// Counts a connection for the thread that calls. The counts, one of 64 bits for each thread, live
/// in the file that the environment's SPREAD_FILE names, which the runner reads while the server
/// runs; without it they stay in the process.
void spread_note(void);

#endif
