package payloads

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxSize is the largest payload, in bytes: what a 32-bit linear memory holds beside a
// function's own data.
const MaxSize = 3 << 30

// units are powers of two whatever the spelling, as in the paper's artifact: 1MB is 1 MiB.
var units = map[string]int64{
	"": 1, "b": 1,
	"k": 1 << 10, "kb": 1 << 10, "kib": 1 << 10,
	"m": 1 << 20, "mb": 1 << 20, "mib": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gib": 1 << 30,
}

// ParseSize reads a payload's size such as 64KiB, 1MiB, 1MB (the same), 0.5MiB, 1GiB or a
// plain number of bytes; upper and lower case are one. The size is between 1 byte and
// MaxSize. The error names the text and the remedy.
func ParseSize(text string) (int64, error) {
	size, err := ParseBytes(text)
	if err == nil && size > MaxSize {
		return 0, fmt.Errorf("size %q does not fit into a 32-bit linear memory: use at most %s", text, FormatSize(MaxSize))
	}
	return size, err
}

// maxBytes is what ParseBytes reads at most.
const maxBytes = 1 << 50

// ParseBytes is ParseSize without the bound that a linear memory has.
func ParseBytes(text string) (int64, error) {
	trimmed := strings.TrimSpace(text)
	split := strings.LastIndexAny(trimmed, "0123456789.") + 1
	number, unit := trimmed[:split], strings.ToLower(strings.TrimSpace(trimmed[split:]))
	if strings.HasPrefix(number, "-") {
		return 0, fmt.Errorf("size %q is negative: use 1 byte to %s", text, FormatSize(MaxSize))
	}
	value, err := strconv.ParseFloat(number, 64)
	if strings.Trim(number, "0123456789.") != "" || err != nil && !math.IsInf(value, 1) {
		return 0, fmt.Errorf("size %q is not a number with a unit: write for example 4096, 64KiB, 1.5MiB or 1GiB", text)
	}
	scale, ok := units[unit]
	if !ok {
		return 0, fmt.Errorf("size %q has the unknown unit %q: use B, KiB, MiB or GiB", text, unit)
	}
	// Exact up to 2^53: the scale is a power of two.
	value *= float64(scale)
	switch {
	case value == 0:
		return 0, fmt.Errorf("size %q is no payload: use 1 byte to %s", text, FormatSize(MaxSize))
	case value > maxBytes:
		return 0, fmt.Errorf("size %q does not fit into a 32-bit linear memory: use at most %s", text, FormatSize(MaxSize))
	case value != math.Trunc(value):
		return 0, fmt.Errorf("size %q is not a whole number of bytes: use a plain number such as %.0f", text, math.Ceil(value))
	}
	return int64(value), nil
}

// FormatSize writes a size in the largest unit in which it needs at most two decimals and
// loses nothing, so that ParseSize reads the same number again: 65536 is 64KiB, 1536 is
// 1.5KiB, 1000 is 1000B.
func FormatSize(bytes int64) string {
	for _, unit := range [...]struct {
		bytes int64
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if bytes >= unit.bytes && bytes%(unit.bytes/4) == 0 {
			return strconv.FormatFloat(float64(bytes)/float64(unit.bytes), 'f', -1, 64) + unit.name
		}
	}
	return strconv.FormatInt(bytes, 10) + "B"
}
