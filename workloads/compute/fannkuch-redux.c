// The most flips of a pancake sort over all permutations, and a checksum, as the Computer Language Benchmarks Game has
// them. Argument: how many numbers are permuted.
#include "system.h"

#define MOST 16

int program(int count, char **arguments) {
	int n = (int)argument(count, arguments, 7), most = 0, sum = 0, even = 1;
	int order[MOST], turned[MOST], left[MOST];
	if (n < 1 || n > MOST) return fail("give 1 to 16");
	for (int i = 0; i < n; i++) order[i] = i;
	for (int size = n;;) {
		for (; size > 1; size--) left[size - 1] = size;
		if (order[0]) {
			for (int i = 0; i < n; i++) turned[i] = order[i];
			int flips = 0, first;
			for (; (first = turned[0]); flips++)
				for (int low = 0, high = first; low < high; low++, high--) {
					int other = turned[low];
					turned[low] = turned[high];
					turned[high] = other;
				}
			if (flips > most) most = flips;
			sum += even ? flips : -flips;
		}
		// The next permutation turns the front, one place further each time it has gone round.
		for (;; size++) {
			if (size == n) goto done;
			int first = order[0];
			for (int i = 0; i < size; i++) order[i] = order[i + 1];
			order[size] = first;
			if (--left[size] > 0) break;
		}
		even = !even;
	}
done:
	put_number(sum);
	put_text("\nPfannkuchen(");
	put_number(n);
	put_text(") = ");
	put_number(most);
	put_text("\n");
	return flush();
}
