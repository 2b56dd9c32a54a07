package transport

import (
	"fmt"
	"math"
	"strings"

	"rrbench/payloads"
)

// Crossover describes a transport that does what one of two others does, by payload size.
// Its Parameter has a size as ParseCrossover reads it, BuiltIn, or nothing; a plan has always
// put a size in the place of the latter two, or of one that Learns what StartAt makes of it.
type Crossover struct {
	// Below and From are the names of the two.
	Below, From string
	// Default is the payload size in bytes from which on payloads go as From has them,
	// where nothing else was measured or given.
	Default int64
	// Learns: each route finds out by itself what is better for which size. What is not given by the
	// user is where it starts.
	Learns bool
}

// StartAt is the Parameter of a transport that Learns and begins with that size in bytes.
func (c *Crossover) StartAt(bytes int64) string {
	if !c.Learns {
		return FormatCrossover(bytes)
	}
	return learnt + FormatCrossover(bytes)
}

// learnt begins what StartAt makes: about that size.
const learnt = "~"

// ReadStart reads what StartAt has made. ok is false for all else.
func ReadStart(parameter string) (bytes int64, ok bool, err error) {
	text, ok := strings.CutPrefix(parameter, learnt)
	if ok {
		bytes, err = ParseCrossover(text)
	}
	return bytes, ok, err
}

const (
	// Never is the crossover that no payload reaches, in bytes.
	Never int64 = math.MaxInt64
	never       = "never"
	// BuiltIn asks for Crossover.Default.
	BuiltIn = "default"
)

// ParseCrossover reads a payload size in bytes, as payloads.ParseSize does, or "never".
func ParseCrossover(text string) (int64, error) {
	if text == never {
		return Never, nil
	}
	bytes, err := payloads.ParseSize(text)
	if err != nil {
		return 0, fmt.Errorf("crossover: %w, %s or %s", err, BuiltIn, never)
	}
	return bytes, nil
}

// FormatCrossover writes what ParseCrossover reads.
func FormatCrossover(bytes int64) string {
	if bytes == Never {
		return never
	}
	return payloads.FormatSize(bytes)
}
