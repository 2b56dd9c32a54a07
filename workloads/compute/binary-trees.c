// Makes, walks and drops many binary trees, as the Computer Language Benchmarks Game has them. Nodes come from a pool,
// the same one natively and in WebAssembly, so that engines are compared and not allocators. Argument: the largest depth.
#include "system.h"

typedef struct Node {
	struct Node *left, *right;
} Node;

enum { least = 4, at_once = 4096 };

static Node *unused;

static Node *allocate(void) {
	if (!unused) {
		Node *nodes = memory(at_once * sizeof *nodes);
		if (!nodes) return NULL;
		for (int i = 0; i < at_once; i++) nodes[i].left = i + 1 < at_once ? &nodes[i + 1] : NULL;
		unused = nodes;
	}
	Node *node = unused;
	unused = node->left;
	return node;
}

static Node *grow(int depth) {
	Node *node = allocate();
	if (!node) return NULL;
	node->left = node->right = NULL;
	if (depth > 0 && (!(node->left = grow(depth - 1)) || !(node->right = grow(depth - 1)))) return NULL;
	return node;
}

static int64_t check(const Node *node) { return node->left ? 1 + check(node->left) + check(node->right) : 1; }

static void drop(Node *node) {
	if (node->left) {
		drop(node->left);
		drop(node->right);
	}
	node->left = unused;
	unused = node;
}

static int one(int depth, int64_t *sum) {
	Node *tree = grow(depth);
	if (!tree) return 0;
	*sum += check(tree);
	drop(tree);
	return 1;
}

static void line(const char *what, int depth, int64_t sum) {
	put_text(what);
	put_text(" of depth ");
	put_number(depth);
	put_text("\t check: ");
	put_number(sum);
	put_text("\n");
}

int program(int count, char **arguments) {
	int most = (int)argument(count, arguments, 10);
	if (most < least + 2) most = least + 2;
	if (most > 30) return fail("give at most 30");
	int64_t sum = 0;
	if (!one(most + 1, &sum)) return fail("there is no more memory");
	line("stretch tree", most + 1, sum);
	Node *lasting = grow(most);
	if (!lasting) return fail("there is no more memory");
	for (int depth = least; depth <= most; depth += 2) {
		int64_t trees = (int64_t)1 << (most - depth + least);
		sum = 0;
		for (int64_t i = 0; i < trees; i++)
			if (!one(depth, &sum)) return fail("there is no more memory");
		put_number(trees);
		line("\t trees", depth, sum);
	}
	line("long lived tree", most, check(lasting));
	return flush();
}
