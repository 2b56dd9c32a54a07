package audit

import (
	"fmt"
	"strconv"
	"strings"
)

// mapping is a part of a process' memory that lies in a file, see proc_pid_maps(5).
type mapping struct {
	start, end uint64
	// offset is where in the file it begins.
	offset     uint64
	executable bool
	path       string
}

// parseMappings reads /proc/PID/maps. Mappings without a file are left out.
func parseMappings(text string) ([]mapping, error) {
	var found []mapping
	for line := range strings.Lines(text) {
		// Six columns, the last of which may contain spaces.
		fields := strings.Fields(line)
		if len(fields) < 5 {
			return nil, fmt.Errorf("mapping %q: too few columns", strings.TrimSpace(line))
		}
		_, path, named := strings.Cut(line, "/")
		if !named {
			continue
		}
		first, last, _ := strings.Cut(fields[0], "-")
		start, err := strconv.ParseUint(first, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("mapping %q: %w", strings.TrimSpace(line), err)
		}
		end, err := strconv.ParseUint(last, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("mapping %q: %w", strings.TrimSpace(line), err)
		}
		offset, err := strconv.ParseUint(fields[2], 16, 64)
		if err != nil {
			return nil, fmt.Errorf("mapping %q: %w", strings.TrimSpace(line), err)
		}
		found = append(found, mapping{
			start: start, end: end, offset: offset,
			executable: strings.Contains(fields[1], "x"),
			path:       "/" + strings.TrimRight(path, "\n"),
		})
	}
	return found, nil
}

// fileOffset finds the file and the place in it of what is at an address.
func fileOffset(mappings []mapping, address uint64) (m mapping, offset uint64, found bool) {
	for _, m := range mappings {
		if address >= m.start && address < m.end {
			return m, address - m.start + m.offset, true
		}
	}
	return mapping{}, 0, false
}
