package measure

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// calibrationTries is generous: a try costs a system call, and one that is neither
// interrupted nor preempted is enough.
const calibrationTries = 64

// calibrate finds what CLOCK_MONOTONIC read at a moment that package time knows. Package
// time counts the same clock (runtime.nanotime) from an origin that it keeps to itself,
// so one system call between two readings bounds that origin; the closest pair wins.
func calibrate() (epoch time.Time, epochNs, bound int64) {
	epoch = time.Now()
	narrowest := time.Duration(math.MaxInt64)
	for range calibrationTries {
		var ts unix.Timespec
		before := time.Since(epoch)
		err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
		after := time.Since(epoch)
		if err != nil {
			panic(fmt.Sprintf("measure: clock_gettime(CLOCK_MONOTONIC): %v", err))
		}
		if width := after - before; width < narrowest {
			narrowest = width
			epochNs = ts.Nano() - int64(before+width/2)
			bound = int64(width+1) / 2
		}
	}
	return epoch, epochNs, bound
}
