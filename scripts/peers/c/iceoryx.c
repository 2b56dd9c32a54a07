// Payloads through iceoryx: the publisher fills a chunk of the memory that all have mapped, the subscriber waits
// on a wait set and finds it there, and answers with when that was. Usage: iceoryx SIZE...
#include "peer.h"
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/types.h>
#include <iceoryx_binding_c/wait_set.h>

struct end {
	iox_pub_storage_t pub_storage;
	iox_sub_storage_t sub_storage;
	iox_ws_storage_t set_storage;
	iox_pub_t pub;
	iox_sub_t sub;
	iox_ws_t set;
};

static void begin(struct end *e, const char *name, const char *out, const char *in) {
	iox_runtime_init(name);
	e->pub = iox_pub_init(&e->pub_storage, "rrbench", "peers", out, NULL);
	e->sub = iox_sub_init(&e->sub_storage, "rrbench", "peers", in, NULL);
	e->set = iox_ws_init(&e->set_storage);
	iox_ws_attach_subscriber_state(e->set, e->sub, SubscriberState_HAS_DATA, 1, NULL);
	while (iox_sub_get_subscription_state(e->sub) != SubscribeState_SUBSCRIBED || !iox_pub_has_subscribers(e->pub))
		usleep(10000);
}

static const void *take(struct end *e) {
	const void *chunk;
	while (iox_sub_take_chunk(e->sub, &chunk) != ChunkReceiveResult_SUCCESS) {
		iox_notification_info_t info[1];
		uint64_t missed;
		iox_ws_wait(e->set, info, 1, &missed);
	}
	return chunk;
}

static void *loan(struct end *e, size_t size) {
	void *chunk;
	if (iox_pub_loan_chunk(e->pub, &chunk, size) != AllocationResult_SUCCESS) {
		fprintf(stderr, "iceoryx: no chunk of %zu bytes\n", size);
		_exit(1);
	}
	return chunk;
}

int main(int count, char **sizes) {
	struct end e;
	if (fork() == 0) {
		begin(&e, "rrbench-b", "answers", "payloads");
		for (int i = 1; i < count; i++)
			for (int round = rounds_of(atol(sizes[i])); round > 0; round--) {
				const void *payload = take(&e);
				int64_t arrived = now();
				iox_sub_release_chunk(e.sub, payload);
				int64_t *answer = loan(&e, sizeof *answer);
				*answer = arrived;
				iox_pub_publish_chunk(e.pub, answer);
			}
		sleep(1);
		_exit(0);
	}
	begin(&e, "rrbench-a", "payloads", "answers");
	static int64_t took[2000];
	for (int i = 1; i < count; i++) {
		size_t size = atol(sizes[i]);
		int rounds = rounds_of(size);
		for (int round = 0; round < rounds; round++) {
			void *payload = loan(&e, size);
			memset(payload, round, size);
			int64_t start = now();
			iox_pub_publish_chunk(e.pub, payload);
			const int64_t *answer = take(&e);
			took[round] = *answer - start;
			iox_sub_release_chunk(e.sub, answer);
		}
		report("iceoryx", size, took, rounds);
	}
	_exit(0);
}
