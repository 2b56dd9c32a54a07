package memory

import (
	"math"
	"os"
	"path/filepath"
	"strings"

	"rrbench/payloads"
)

// never is a size that no payload has.
const never = math.MaxInt

// usualCache stands for the size of a cache that is not known, in bytes.
const usualCache = 32 << 20

// lastLevelCache is the size of the largest cache of the first processor in bytes, as
// Linux reports it: Documentation/ABI/testing/sysfs-devices-system-cpu.
func lastLevelCache() int {
	sizes, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index*/size")
	largest := int64(0)
	for _, path := range sizes {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if size, err := payloads.ParseSize(strings.TrimSpace(string(text))); err == nil {
			largest = max(largest, size)
		}
	}
	if largest == 0 {
		return usualCache
	}
	return int(largest)
}
