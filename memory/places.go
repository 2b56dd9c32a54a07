package memory

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Every place that pages move to or from becomes a mapping of its own in the kernel and
// splits the one around it, so it costs two more; their number is limited. When guests
// hold on to more places than this, the rest of the process must still be able to map
// memory, so further payloads are copied.
var places = struct {
	taken atomic.Int64
	limit int64
}{limit: usualMappings / mappingsPerPlace}

const (
	// mappingsPerPlace leaves three in four mappings to others.
	mappingsPerPlace = 4 * 3
	// usualMappings is the kernel's default of vm.max_map_count.
	usualMappings = 65530
)

func init() {
	text, err := os.ReadFile("/proc/sys/vm/max_map_count")
	if err != nil {
		return
	}
	if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
		places.limit = limit / mappingsPerPlace
	}
}

// TakePlace says whether pages may move to or from one place more of this process.
func TakePlace() bool {
	if places.taken.Add(1) <= places.limit {
		return true
	}
	places.taken.Add(-1)
	return false
}

// ReturnPlaces is called when count places are one with their surroundings again, after
// Blank, or are unmapped.
func ReturnPlaces(count int) { places.taken.Add(-int64(count)) }
