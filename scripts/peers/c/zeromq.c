// Payloads through ZeroMQ between two processes, over ipc: a pair of sockets; the receiver answers with when it had
// the message. Usage: zeromq ENDPOINT SIZE...
#include "peer.h"
#include <zmq.h>

int main(int count, char **args) {
	int child = fork() == 0;
	void *context = zmq_ctx_new(), *s = zmq_socket(context, ZMQ_PAIR);
	if ((child ? zmq_connect(s, args[1]) : zmq_bind(s, args[1])) != 0) {
		fprintf(stderr, "zeromq: %s\n", zmq_strerror(zmq_errno()));
		return 1;
	}
	static int64_t took[2000];
	for (int i = 2; i < count; i++) {
		size_t size = atol(args[i]);
		int rounds = rounds_of(size);
		char *payload = malloc(size);
		for (int round = 0; round < rounds; round++) {
			int64_t arrived, start;
			if (child) {
				zmq_msg_t message;
				zmq_msg_init(&message);
				zmq_msg_recv(&message, s, 0);
				arrived = now();
				zmq_msg_close(&message);
				zmq_send(s, &arrived, sizeof arrived, 0);
				continue;
			}
			memset(payload, round, size);
			start = now();
			zmq_send(s, payload, size, 0);
			zmq_recv(s, &arrived, sizeof arrived, 0);
			took[round] = arrived - start;
		}
		free(payload);
		if (!child)
			report("zeromq", size, took, rounds);
	}
	zmq_close(s);
	zmq_ctx_destroy(context);
	return 0;
}
