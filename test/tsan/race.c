/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads and one counter without a lock: what test/tsan/run must see, or it sees nothing. */
#include <pthread.h>
#include <stddef.h>

static int counter;

static void *count(void *arg)
{
    for (int i = 0; i < 1000; i++)
        counter++;
    return arg;
}

int main(void)
{
    pthread_t other;
    if (pthread_create(&other, NULL, count, NULL) != 0)
        return 1;
    (void)count(NULL);
    return pthread_join(other, NULL);
}
