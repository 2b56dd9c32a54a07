// The planets' orbits by a symplectic integrator of first order, as the Computer Language Benchmarks Game has them.
// Argument: the number of steps, each a hundredth of a day.
#include "system.h"

#define BODIES 5

static const double pi = 3.141592653589793, days = 365.24, step = 0.01;

static struct {
	double x, y, z, vx, vy, vz, mass;
} body[BODIES] = {
	{0, 0, 0, 0, 0, 0, 1}, // the Sun, then Jupiter, Saturn, Uranus and Neptune
	{4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01, 1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05, 9.54791938424326609e-04},
	{8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01, -2.76742510726411899e-03, 4.99852801234917238e-03, 2.30417297573763929e-05, 2.85885980666130812e-04},
	{1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01, 2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05, 4.36624404335156298e-05},
	{1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01, 2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05, 5.15138902046611451e-05},
};

static double energy(void) {
	double sum = 0;
	for (int i = 0; i < BODIES; i++) {
		sum += 0.5 * body[i].mass * (body[i].vx * body[i].vx + body[i].vy * body[i].vy + body[i].vz * body[i].vz);
		for (int j = i + 1; j < BODIES; j++) {
			double x = body[i].x - body[j].x, y = body[i].y - body[j].y, z = body[i].z - body[j].z;
			sum -= body[i].mass * body[j].mass / __builtin_sqrt(x * x + y * y + z * z);
		}
	}
	return sum;
}

static void advance(void) {
	for (int i = 0; i < BODIES; i++)
		for (int j = i + 1; j < BODIES; j++) {
			double x = body[i].x - body[j].x, y = body[i].y - body[j].y, z = body[i].z - body[j].z;
			double square = x * x + y * y + z * z;
			double pull = step / (square * __builtin_sqrt(square));
			double own = pull * body[i].mass, other = pull * body[j].mass;
			body[i].vx -= x * other;
			body[i].vy -= y * other;
			body[i].vz -= z * other;
			body[j].vx += x * own;
			body[j].vy += y * own;
			body[j].vz += z * own;
		}
	for (int i = 0; i < BODIES; i++) {
		body[i].x += step * body[i].vx;
		body[i].y += step * body[i].vy;
		body[i].z += step * body[i].vz;
	}
}

int program(int count, char **arguments) {
	double px = 0, py = 0, pz = 0, solar = 4 * pi * pi;
	for (int i = 0; i < BODIES; i++) {
		body[i].vx *= days;
		body[i].vy *= days;
		body[i].vz *= days;
		body[i].mass *= solar;
		px += body[i].vx * body[i].mass;
		py += body[i].vy * body[i].mass;
		pz += body[i].vz * body[i].mass;
	}
	body[0].vx = -px / solar;
	body[0].vy = -py / solar;
	body[0].vz = -pz / solar;
	put_decimal(energy());
	put_text("\n");
	for (int64_t steps = argument(count, arguments, 1000); steps > 0; steps--) advance();
	put_decimal(energy());
	put_text("\n");
	return flush();
}
